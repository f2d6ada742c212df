-- What are the rows of the responses that are wanted?
select {columns}
from {rows}
where completion_key in (select completion_key from wanted)
