-- How many of the responses that are erased stand in which log?
select source_key, min(source) as source, count(*) as responses
from completions
where completion_key in (select completion_key from erased)
group by source_key
order by source, source_key
