-- Which responses go by these names?
-- values: $names
select name, completion_key
from (select unnest($names) as name)
join completions on {match}
