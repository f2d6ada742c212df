-- How many responses report no usage, by what became of them?
select
    status,
    count(*) as responses
from completions
where usage_source is distinct from 'reported'
  and {where}
group by status
order by status
