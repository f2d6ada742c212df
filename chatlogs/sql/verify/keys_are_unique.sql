-- Which responses have no key, or share one?
select 'completions has ' || count(*) || ' rows with completion_key ' || coalesce(completion_key::varchar, 'null')
    || '; each response needs a key of its own.' as problem
from completions
group by completion_key
having count(*) > 1 or completion_key is null
order by problem
limit 20
