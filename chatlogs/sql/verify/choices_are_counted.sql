-- Which responses say another number of choices than there are rows?
with counted as (
    select completion_key, count(*) as choice_rows
    from choices
    group by completion_key
)
select 'completions says ' || choice_count || ' choices for completion_key ' || completion_key || ', but choices has '
    || coalesce(choice_rows, 0) || ' rows.' as problem
from completions
left join counted using (completion_key)
where choice_count <> coalesce(choice_rows, 0)
order by problem
limit 20
