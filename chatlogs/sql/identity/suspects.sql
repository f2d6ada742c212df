-- Which new responses share their id with another one, new or stored?
create or replace temp table suspects as
with new as (
    select id from read_parquet($new_completions) where id is not null
),
stored as (
    select id from read_parquet($stored_completions) where id in (select id from new)
)
select id
from (select id from new union all select id from stored)
group by id
having count(*) > 1
