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
    count(distinct model) as models,
    count(distinct system_fingerprint) as fingerprints,
    cast(sum(choice_count) as bigint) as choices,
    count(*) filter (where usage_source is distinct from 'reported') as no_usage,
    cast(sum(prompt_tokens) as bigint) as prompt_tokens,
    cast(sum(cached_tokens) as bigint) as cached_tokens,
    cast(sum(completion_tokens) as bigint) as completion_tokens,
    cast(sum(reasoning_tokens) as bigint) as reasoning_tokens,
    cast(sum(total_tokens) as bigint) as total_tokens,
    count(*) filter (where len(flags) > 0) as flagged,
    (select count(*) from sources) as sources,
    (select cast(sum(lines) as bigint) from sources) as lines,
    (select cast(sum(records) as bigint) from sources) as records,
    (select cast(sum(duplicates) as bigint) from sources) as duplicates,
    (select cast(sum(repaired) as bigint) from sources) as repaired,
    (select count(*) from rejects) as rejects
from completions
where {where}
