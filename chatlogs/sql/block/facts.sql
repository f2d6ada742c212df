-- What does each record say, in columns, and may the fast path believe it?
-- plain is false where a value does not fit its column or needs judgement; the careful path reads those.
-- A shape that has not been judged yet is named in new_shape: then judge it and ask again.
with records as (
    select
        skeleton,
        fragments,
        first_fragment,
        last_fragment,
        chunks,
        first_line,
        last_line,
        transcript,
        json_valid('"' || fragments || '"')
            and repeats = 0
            and len(skeleton) - len(replace(skeleton, '{mark}', '')) = len('{mark}') as well_cut
    from runs
    union all
    select skeleton, null, null, null, 1, line, line, transcript, true
    from whole_lines
),
keyed as (
    select
        *,
        to_json(json_keys(skeleton, {paths}))::varchar as keys,
        from_json(skeleton, '{structure}') as r
    from records
    where {valid}
),
read as (
    select
        * exclude (keys),
        keys || ',' || if(
            contains(keys, '"tool_calls"'), to_json(json_keys(skeleton, {call_paths}))::varchar, 'null'
        ) as shape
    from keyed
),
judged as (
    select
        * exclude (shape),
        r.choices[1] as choice,
        coalesce(r.choices[1].delta, r.choices[1].message) as said,
        if(lane is null, shape, null) as new_shape,
        case
            when fragments is null then '{mark}' -- a line that was not cut says the mark itself
            when not well_cut then null
            when contains(fragments, '\') then json_extract_string('"' || fragments || '"', '$')
            else fragments
        end as text
    from read left join verdicts using (shape)
)
select
    case
        when lane <> 'chunk' then null
        when transcript >= 0 then 'body ' || transcript
        else 'id ' || coalesce(r.id, '')
    end as stream,
    new_shape,
    lane,
    first_line,
    last_line,
    chunks,
    transcript,
    nullif(r.id, '') as id,
    nullif(r.model, '') as model,
    nullif(r.system_fingerprint, '') as system_fingerprint,
    nullif(r.service_tier, '') as service_tier,
    try_cast(r.created as bigint) as created,
    r.usage::varchar as usage,
    try_cast(choice.index as bigint) as choice_index,
    nullif(said.role, '') as role,
    nullif(nullif(choice.finish_reason, ''), 'null') as finish_reason,
    if(said.content = '{mark}', text, said.content) as content,
    if(said.content = '{mark}', fragments, null) as content_fragments,
    if(said.content = '{mark}', first_fragment, null) as first_fragment,
    if(said.content = '{mark}', last_fragment, null) as last_fragment,
    if(coalesce(said.reasoning_content, said.reasoning) = '{mark}', text, coalesce(said.reasoning_content, said.reasoning)) as reasoning,
    if(said.refusal = '{mark}', text, said.refusal) as refusal,
    if(not has_calls, [], list_transform(
        coalesce(said.tool_calls, []),
        lambda c: {
            'slot': try_cast(c.index as bigint),
            'id': nullif(c.id, ''),
            'name': nullif(c.function.name, ''),
            'arguments': if(c.function.arguments = '{mark}', text, c.function.arguments)
        }
    )) as tool_calls,
    coalesce(lane <> 'careful', false)
    and well_cut
    -- DuckDB reads these without a word, yet they are no JSON: trailing commas, NaN, Infinity
    and case
        when regexp_matches(skeleton, ',[ \t\r]*[}\]]') then
            not regexp_matches(regexp_replace(skeleton, '"(?:[^"\\]|\\.)*"', '', 'g'), ',[ \t\r]*[}\]]')
        else true
    end
    and coalesce(not regexp_matches(r.usage::varchar, '(?i)[:,\[]-?(nan|inf)'), true)
    and r.choices is not null
    -- a full object within an SSE body may be the end of a stream
    and (lane = 'chunk' or transcript < 0)
    and (lane <> 'chunk' or choice is not null or r.object = 'chat.completion.chunk')
    and coalesce(regexp_full_match(r.created, '[1-9][0-9]{8,10}'), true)
    and (choice is null or coalesce(regexp_full_match(choice.index, '[0-9]{1,9}'), false))
    and not may_be_no_text(r.id)
    and not may_be_no_text(r.model)
    and not may_be_no_text(r.object)
    and not may_be_no_text(r.system_fingerprint)
    and not may_be_no_text(r.service_tier)
    and not may_be_no_text(choice.finish_reason)
    and not may_be_no_text(said.role)
    and not may_be_no_text(said.refusal)
    and not may_be_no_text(said.reasoning_content)
    and not may_be_no_text(said.reasoning)
    and coalesce(starts_with(r.usage::varchar, chr(123)) and regexp_matches(r.usage::varchar, '[1-9]'), true)
    and choice.logprobs is null
    and said.audio is null
    and said.function_call is null
    and coalesce(said.annotations::varchar = '[]', true)
    and (said.reasoning_content is null or said.reasoning is null)
    -- text that looks like a container or a number may be one, and a container of the wrong kind reads like an empty one
    and case
        when may_be_no_text(said.content) then coalesce(json_type(skeleton, body || '.content'), 'VARCHAR') = 'VARCHAR'
        else true
    end
    and case
        when said_nothing then coalesce(json_type(skeleton, '$.choices[0].delta') = 'OBJECT', true)
        else true
    end
    and case
        when has_calls and len(said.tool_calls) > 0 then
            not list_has_any(json_type(skeleton, {argument_paths}), ['OBJECT', 'ARRAY', 'BOOLEAN', 'BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE'])
            and len(list_filter(
                said.tool_calls,
                lambda c: coalesce(c.type, '') not in ('', 'function')
                    or may_be_no_text(c.id)
                    or may_be_no_text(c.function.name)
                    or (lane = 'chunk' and coalesce(not regexp_full_match(c.index, '[0-9]{1,9}'), true))
            )) = 0
        when has_calls then coalesce(json_type(skeleton, body || '.tool_calls') in ('ARRAY', 'NULL'), true)
        else true
    end
    and (fragments is null or 1 = (
        coalesce((said.content = '{mark}')::int, 0)
        + coalesce((said.reasoning_content = '{mark}')::int, 0)
        + coalesce((said.reasoning = '{mark}')::int, 0)
        + coalesce((said.refusal = '{mark}')::int, 0)
        + coalesce((said.tool_calls[1].function.arguments = '{mark}')::int, 0)
    )) as plain
from judged
