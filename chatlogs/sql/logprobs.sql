-- How sure of their words were the answers that carry log probabilities?
-- Means are over tokens, without sentinels. How many tokens of an answer these leave, and which were unlikely, tells only
-- each token, which ingest --logprobs keeps; without, an answer counts with all its tokens.
with kept as (
    select
        completion_key,
        choice_index,
        count(*) as kept_tokens,
        count(*) filter (where logprob > -10000 and logprob <> -9999) as measured,
        count(*) filter (where logprob > -10000 and logprob <> -9999 and logprob < ln(0.5)) as unlikely
    from logprobs
    group by all
)
select
    {by}
    count(*) as choices,
    count(token_count) as with_logprobs,
    sum(token_count) as tokens,
    sum(mean_logprob * coalesce(measured, token_count))
        / nullif(sum(coalesce(measured, token_count)) filter (where mean_logprob is not null), 0) as mean_logprob,
    exp(
        -sum(mean_logprob * coalesce(measured, token_count))
        / nullif(sum(coalesce(measured, token_count)) filter (where mean_logprob is not null), 0)
    ) as perplexity,
    quantile_cont(mean_logprob, 0.1) as p10_of_answers,
    quantile_cont(mean_logprob, 0.5) as p50_of_answers,
    sum(kept_tokens) as kept_tokens,
    sum(unlikely) / nullif(sum(measured), 0) as unlikely_share
from choices
left join kept using (completion_key, choice_index)
join (select * exclude (id, model, system_fingerprint, extra) from completions) using (completion_key)
where {where}
group by all
order by {sort}
{limit}
