-- How many of the responses that are erased stand in which log, and where does the last of them begin?
select source_key, min(source) as source, count(*) as responses, max(byte_offset) as last_offset
from completions
where completion_key in (select completion_key from erased)
group by source_key
order by source, source_key
