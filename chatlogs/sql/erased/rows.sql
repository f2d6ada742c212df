-- How many rows of a table belong to the responses that are erased?
select count(*)
from {table}
where completion_key in (select completion_key from erased)
