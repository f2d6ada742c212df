-- What does each record say that no template fits, in columns, and may the fast path believe it?
-- plain is false where a value does not fit its column or needs judgement; the careful path reads those.
-- A shape that has not been judged yet is named in new_shape: then judge it and ask again.
with keyed as (
    select
        *,
        to_json(json_keys(text, {paths}))::varchar as keys,
        from_json(text, '{structure}') as r
    from whole_lines
    where {valid}
),
read as (
    select
        * exclude (keys),
        keys || ',' || if(
            contains(keys, '"tool_calls"'), to_json(json_keys(text, {call_paths}))::varchar, 'null'
        ) as shape
    from keyed
),
judged as (
    select
        * exclude (shape),
        r.choices[1] as choice,
        coalesce(r.choices[1].delta, r.choices[1].message) as said,
        if(lane is null, shape, null) as new_shape
    from read left join verdicts using (shape)
)
select
    new_shape,
    lane,
    line,
    transcript,
    nullif(r.id, '') as id,
    nullif(r.model, '') as model,
    nullif(r.system_fingerprint, '') as system_fingerprint,
    nullif(r.service_tier, '') as service_tier,
    nullif(r.provider, '') as provider,
    nullif(r.request_id, '') as request_id,
    try_cast(r.created as bigint) as created,
    r.usage::varchar as usage,
    try_cast(choice.index as bigint) as choice_index,
    nullif(said.role, '') as role,
    nullif(nullif(choice.finish_reason, ''), 'null') as finish_reason,
    said.content as content,
    coalesce(said.reasoning_content, said.reasoning) as reasoning,
    said.refusal as refusal,
    if(not has_calls, [], list_transform(
        coalesce(said.tool_calls, []),
        lambda c: {
            'slot': try_cast(c.index as bigint),
            'id': nullif(c.id, ''),
            'name': nullif(c.function.name, ''),
            'arguments': c.function.arguments
        }
    )) as tool_calls,
    coalesce(lane <> 'careful', false)
    -- DuckDB reads these without a word, yet they are no JSON: trailing commas, NaN, Infinity
    and case
        when regexp_matches(text, ',[ \t\r]*[}\]]') then
            not regexp_matches(regexp_replace(text, '"(?:[^"\\]|\\.)*"', '', 'g'), ',[ \t\r]*[}\]]')
        else true
    end
    -- nor are numbers beyond any double; large ones are written in more than one way, and may fit no column
    and coalesce(not regexp_matches(r.usage::varchar, '(?i)[:,\[]-?(nan|inf|[0-9]{17})|[0-9]e[-+]?[0-9]{3}'), true)
    -- a count that is no whole number, or is one in a string
    and coalesce(not regexp_matches(r.usage::varchar, '_tokens":(-?[0-9]+[.][0-9]*[1-9]|-?[0-9.]+e|[^-0-9n])'), true)
    and coalesce(not regexp_matches(r.usage::varchar, '[a-z]Tokens(Details)?"'), true)  -- names in camelCase
    and not contains(text, '"$number')  -- a database's way to write numbers
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
    and not may_be_no_text(r.provider)
    and not may_be_no_text(r.request_id)
    and not may_be_no_text(choice.finish_reason)
    and not may_be_no_text(said.role)
    and not may_be_no_text(said.refusal)
    and not may_be_no_text(said.reasoning_content)
    and not may_be_no_text(said.reasoning)
    and coalesce(starts_with(r.usage::varchar, chr(123)) and regexp_matches(r.usage::varchar, '[1-9]'), true)
    and coalesce(list_bool_and(list_transform(
        json_keys(r.usage, ['$', '$.prompt_tokens_details', '$.completion_tokens_details']),
        lambda names: names is null or list_unique(names) = len(names)
    )), true)
    and choice.logprobs is null
    and said.audio is null
    and said.function_call is null
    and coalesce(said.annotations::varchar = '[]', true)
    and (said.reasoning_content is null or said.reasoning is null)
    -- text that looks like a container or a number may be one, and a container of the wrong kind reads like an empty one
    and case
        when may_be_no_text(said.content) then coalesce(json_type(text, body || '.content'), 'VARCHAR') = 'VARCHAR'
        else true
    end
    and case
        when said_nothing then coalesce(json_type(text, '$.choices[0].delta') = 'OBJECT', true)
        else true
    end
    and case
        when has_calls and len(said.tool_calls) > 0 then
            not list_has_any(json_type(text, {argument_paths}), ['OBJECT', 'ARRAY', 'BOOLEAN', 'BIGINT', 'UBIGINT', 'HUGEINT', 'DOUBLE'])
            and len(list_filter(
                said.tool_calls,
                lambda c: coalesce(c.type, '') not in ('', 'function')
                    or may_be_no_text(c.id)
                    or may_be_no_text(c.function.name)
                    or (lane = 'chunk' and coalesce(not regexp_full_match(c.index, '[0-9]{1,9}'), true))
            )) = 0
        when has_calls then coalesce(json_type(text, body || '.tool_calls') in ('ARRAY', 'NULL'), true)
        else true
    end as plain
from judged
