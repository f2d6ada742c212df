-- Of which logs are there other responses than those that were found and not left out?
with told as (
    select source, sum(responses - duplicates)::bigint as told_responses
    from sources
    group by source
),

counted as (
    select source, count(*) as completion_rows
    from completions
    group by source
)
select 'sources says ' || told_responses || ' responses of ' || source || ' less duplicates, but completions has '
    || coalesce(completion_rows, 0) || ' rows of it.' as problem
from told
left join counted using (source)
where told_responses <> coalesce(completion_rows, 0)
order by problem
limit 20
