-- Which responses go by this id?
select *
from completions
where {where}
order by created nulls last, completion_key
