-- What is in these logs?
-- The columns from sources on count what was read, whatever is asked of the responses.
select
    count(*) as responses,
    count(*) filter (where form = 'completion') as completions,
    count(*) filter (where form = 'stream') as streams,
    count(*) filter (where status = 'complete') as complete,
    count(*) filter (where status = 'truncated') as truncated,
    count(*) filter (where status = 'error') as errors,
    min(created) as first_created,
    max(created) as last_created,
    count(*) filter (where created is null) as no_created,
    min({time}) as first_seen,
    max({time}) as last_seen,
    count(*) filter (where {time} is null) as no_time,
    count(distinct model) as models,
    count(distinct system_fingerprint) as fingerprints,
    sum(choice_count) as choices,
    count(*) filter (where usage_source is distinct from 'reported') as no_usage,
    count(*) filter (
        where usage_source = 'reported' and (prompt_tokens is null or completion_tokens is null or total_tokens is null)
    ) as part_usage,
    sum(prompt_tokens) as prompt_tokens,
    sum(cached_tokens) as cached_tokens,
    sum(completion_tokens) as completion_tokens,
    sum(reasoning_tokens) as reasoning_tokens,
    sum(total_tokens) as total_tokens,
    count(*) filter (where len(flags) > 0) as flagged,
    coalesce(sum(duplicates) filter (where created is null and list_contains(flags, 'id_collision')), 0)
        as unsure_duplicates,
    (select count(*) from sources) as sources,
    (select sum(lines) from sources) as lines,
    (select sum(records) from sources) as records,
    (select sum(duplicates) from sources) as duplicates,
    (select sum(repaired) from sources) as repaired,
    (select count(*) from rejects) as rejects
from completions
where {where}
