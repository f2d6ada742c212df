-- Which tools are called, are their arguments whole, and how many calls are made side by side?
-- Arguments are broken when they are text that is no JSON; cut when their answer also stopped for length or was cut off.
-- Where texts are not kept, arguments_valid tells that there were arguments.
with calls as (
    select
        {by}
        name as tool,
        kind as call_kind,
        if(arguments is null, arguments_valid is null, arguments = '') and kind <> 'custom' as empty,
        not empty and arguments_valid = false as broken,
        broken and coalesce(finish_class, 'length') = 'length' as cut,
        not empty and arguments_valid is not null as judged,
        tool_call_count as width
    from tool_calls
    join (select * exclude (id, model, system_fingerprint) from choices) using (completion_key, choice_index)
    join (select * exclude (id, model, system_fingerprint, extra) from completions) using (completion_key)
    where {where}
)
select
    {names}
    tool,
    call_kind,
    count(*) as calls,
    count(*) filter (where empty) as no_arguments,
    count(*) filter (where broken) as broken,
    count(*) filter (where cut) as cut,
    1 - count(*) filter (where broken) / nullif(count(*) filter (where judged), 0) as valid_share,
    count(*) filter (where width > 1) / count(*) as parallel_share,
    max(width) as widest
from calls
group by all
order by {sort}
{limit}
