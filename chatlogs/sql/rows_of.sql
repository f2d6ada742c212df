-- Which rows of a table belong to these responses?
select *
from {table}
where completion_key in ({keys})
order by all
