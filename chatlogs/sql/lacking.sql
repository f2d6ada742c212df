-- How many responses report usage without one of its counts?
select
    count(*) filter (where prompt_tokens is null) as prompt_tokens,
    count(*) filter (where completion_tokens is null) as completion_tokens,
    count(*) filter (where total_tokens is null) as total_tokens
from completions
where usage_source = 'reported'
  and {where}
