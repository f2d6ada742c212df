-- How often do answers stop for which reason, by model or any other key?
-- A choice whose stream was cut off before it gave a reason counts with finish_reason null.
with counted as (
    select
        {by}
        finish_reason,
        finish_class,
        count(*) as choices
    from choices
    {completions}join (select * exclude (id, model, system_fingerprint, extra) from completions) using (completion_key)
    where {where}
    group by all
)
select
    {names}
    finish_reason,
    finish_class,
    choices,
    choices / sum(choices) over ({each}) as share
from counted
order by {sort}
{limit}
