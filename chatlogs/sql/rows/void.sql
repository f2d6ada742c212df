-- Which stored responses stand in what is read again of their log, because it was left open when the log ended?
select source_key, completion_key
from read_parquet([{files}])
inner join again using (source_key)
where byte_offset >= resume_offset
