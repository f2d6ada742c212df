-- Which flags does a careful reader meet, and how often?
select
    {by}
    flag,
    count(*) as responses
from (select *, unnest(flags) as flag from completions)
where {where}
group by all
order by {sort}
{limit}
