-- Which responses go by this id?
select *
from completions
where {where}
order by {time} nulls last, completion_key
