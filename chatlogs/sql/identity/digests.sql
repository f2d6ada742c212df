-- What would make two responses of one id the same, or twins, or one the continuation of the other?
-- Texts are compared by their hashes, or by the hash of these, as either response may have been kept by them only; what
-- else was said is compared among those that were kept alike.
with involved as (
    select *, true as is_new from read_parquet($new_completions) where id in (select id from suspects)
    union all by name
    select *, false as is_new from read_parquet($stored_completions) where id in (select id from suspects)
),
all_choices as (
    select * from read_parquet($new_choices) where id in (select id from suspects)
    union all by name
    select * from read_parquet($stored_choices) where id in (select id from suspects)
),
all_calls as (
    select * from read_parquet($new_tool_calls) where id in (select id from suspects)
    union all by name
    select * from read_parquet($stored_tool_calls) where id in (select id from suspects)
),
-- which question is answered: whatever else of a request loggers leave out, they keep what the user said last
questions as (
    select
        completion_key,
        arg_max(hash_of(content), message_index) filter (role = 'user') as asked,
        count(*) as messages
    from (
        select * from read_parquet($new_messages) where id in (select id from suspects)
        union all by name
        select * from read_parquet($stored_messages) where id in (select id from suspects)
    )
    group by completion_key
),
calls as (
    select
        completion_key,
        choice_index,
        md5(string_agg(to_json([call_id, kind])::varchar, ',' order by tool_call_index)) as digest,
        string_agg(hash_or_null(name) || chr(10) || hash_or_null(arguments), chr(10) order by tool_call_index) as said,
        bool_or(starts_with(arguments, 'sha256:')) as has_hashes
    from all_calls
    group by completion_key, choice_index
),
choices as (
    select
        completion_key,
        md5(string_agg(
            to_json([
                c.choice_index::varchar, c.finish_reason, t.digest,
                coalesce(c.text_digest, sha256(concat_ws(
                    chr(10), hash_or_null(c.content), hash_or_null(c.reasoning), hash_or_null(c.refusal), t.said
                )))
            ])::varchar,
            ',' order by c.choice_index
        )) as folded,
        md5(string_agg(
            to_json([c.role, c.content_filter, c.annotations, c.audio, c.extra, c.token_count::varchar])::varchar,
            ',' order by c.choice_index
        )) as beside,
        list(c.choice_index) filter (c.finish_reason is not null) as ended,
        list(c.choice_index) filter (
            c.content <> '' or c.reasoning <> '' or c.refusal <> '' or c.tool_call_count > 0 or c.audio is not null
            or c.text_digest is not null
        ) as speaking,
        list(c.choice_index) as indexes,
        count(c.role) > 0 as has_role,
        coalesce(bool_or(c.text_digest is not null), false) as leaves_out,
        coalesce(bool_or(
            starts_with(c.content, 'sha256:') or starts_with(c.reasoning, 'sha256:')
            or starts_with(c.refusal, 'sha256:') or t.has_hashes
        ), false) as has_hashes
    from all_choices as c left join calls as t using (completion_key, choice_index)
    group by completion_key
)
select
    i.id,
    i.completion_key,
    i.is_new,
    i.source_key,
    i.line_number,
    i.byte_offset,
    i.form,
    i.status,
    i.model,
    epoch_us(i.created) as created,
    i.system_fingerprint,
    i.usage,
    i.prompt_tokens,
    i.completion_tokens,
    i.total_tokens,
    i.metadata,
    i.custom_id,
    i.request_id,
    epoch_us(i.started_at) as started_at,
    i.flags,
    i.duplicates,
    md5(to_json([
        i.usage, i.service_tier, i.error_code, i.error_message, i.chunk_count::varchar, c.folded
    ])::varchar) as body,
    md5(to_json([i.extra, c.beside])::varchar) as beside,
    case when c.leaves_out then 'none' when c.has_hashes then 'hash' else 'keep' end as content,
    c.folded,
    coalesce(c.ended, []) as ended,
    coalesce(c.speaking, []) as speaking,
    coalesce(c.indexes, []) as indexes,
    coalesce(c.has_role, false) as has_role,
    q.asked,
    (
        (i.custom_id is not null)::int + (i.request_id is not null)::int + (i.request_model is not null)::int
        + (i.requested_service_tier is not null)::int + (i.stream is not null)::int + (i.temperature is not null)::int
        + (i.top_p is not null)::int + (i.seed is not null)::int + (i.max_tokens is not null)::int
        + (i.n is not null)::int + (i.request is not null)::int + (i.started_at is not null)::int
        + (i.ended_at is not null)::int + (i.status_code is not null)::int + coalesce(q.messages, 0)
    ) as told,
    i.request_model is not null or i.request is not null as in_body
from involved as i
left join choices as c using (completion_key)
left join questions as q using (completion_key)
order by i.id, i.is_new, i.completion_key
