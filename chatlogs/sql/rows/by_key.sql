-- What are the rows of the responses that are wanted?
select {columns}
from read_parquet([{files}])
where completion_key in (select completion_key from wanted)
