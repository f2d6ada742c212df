-- Which ids look like this one?
select distinct id
from completions
where id is not null
order by jaro_winkler_similarity(id, $id) desc, id
limit 3
