-- Which backends answered, from when to when, and how did they take turns?
-- A backend is a system_fingerprint; where there is none, the model that answered and its service tier stand in.
-- Turns are told by the hour: hours_shared had other backends of the group too, and a return is an hour in which
-- a backend answers again after hours in which only others of its group did.
with hourly as (
    select
        {by}
        coalesce(
            system_fingerprint,
            nullif(concat_ws(' ', model, '(' || service_tier || ')'), '')
        ) as backend,
        system_fingerprint is null as stands_in,
        epoch_us({time}) // 3600000000 as hour_number,
        count(*) as responses,
        min({time}) as first_seen,
        max({time}) as last_seen
    from completions
    where {where}
    group by all
),
placed as (
    select
        *,
        count(*) over (partition by {keys} hour_number) as backends_in_hour,
        dense_rank() over (partition by {keys} hour_number is null order by hour_number) as busy_hour
    from hourly
),
followed as (
    select
        *,
        busy_hour - lag(busy_hour) over (
            partition by {keys} backend, stands_in, hour_number is null order by hour_number
        ) as busy_hours_since
    from placed
),
summed as (
    select
        {names}
        backend,
        stands_in,
        sum(responses) as responses,
        min(first_seen) as first_seen,
        max(last_seen) as last_seen,
        count(hour_number) as hours,
        count(hour_number) filter (where backends_in_hour > 1) as hours_shared,
        count(*) filter (where busy_hours_since > 1) as returns
    from followed
    group by all
),
read as (
    select
        *,
        regexp_extract(
            backend, '^vllm-(.+?)((?:-(?:tp|pp|dp|ep|cp)[0-9]+)*)-([0-9a-f]{6,})$', ['version', 'parallelism', 'hash']
        ) as vllm,
        regexp_extract(backend, '^b([0-9]+)-([0-9a-f]{7,})$', ['version', 'hash']) as llama,
        regexp_extract(backend, '^([0-9]+[.][0-9][0-9a-z.-]*)-(native|sha-[0-9a-f]+|[0-9a-f]{7,})$', ['version', 'hash']) as tgi
    from summed
)
select
    {names}
    backend,
    if(stands_in, 'model and tier', 'fingerprint') as told_by,
    case
        when stands_in then null
        when vllm.version <> '' then 'vllm'
        when llama.version <> '' then 'llama.cpp'
        when tgi.version <> '' then 'tgi'
        when backend = 'fp_ollama' then 'ollama'
    end as engine,
    if(stands_in, null, nullif(concat(vllm.version, if(llama.version <> '', 'b' || llama.version, ''), tgi.version), '')) as version,
    if(stands_in, null, nullif(ltrim(vllm.parallelism, '-'), '')) as parallelism,
    if(stands_in, null, nullif(concat(vllm.hash, llama.hash, nullif(tgi.hash, 'native')), '')) as build,
    responses,
    responses / sum(responses) over ({each}) as share,
    first_seen,
    last_seen,
    hours,
    hours_shared,
    returns
from read
order by {sort}
{limit}
