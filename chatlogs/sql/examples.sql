-- Which answers can a model be trained on, each with what was asked, and why not the others?
-- A row for each choice, and for each response without any; left_out is null where it can. Messages and calls are JSON.
with answered as (
    select *
    from completions
    left join (select * exclude (id, model, system_fingerprint, extra) from choices) using (completion_key)
    where {share}
      and {where}
),
called as (
    select
        completion_key,
        choice_index,
        to_json(list({id: call_id, kind: kind, name: name, arguments: arguments} order by tool_call_index)) as calls,
        bool_or(kind = 'custom') as is_custom,
        bool_or(name is null or coalesce(not arguments_valid, kind <> 'custom')) as is_broken,
        bool_or(regexp_full_match(arguments, {hashed})) as is_hidden
    from tool_calls
    where {share}
      and completion_key in (select completion_key from answered)
    group by all
),
-- The answer itself, where a program had put it behind the messages before it logged them: nobody asked that.
echoed as (
    select
        completion_key,
        said.message_index
    from (
        select
            completion_key,
            max(message_index) as message_index,
            arg_max_null(role, message_index) as role,
            arg_max_null(content, message_index) as content,
            arg_max_null(tool_calls, message_index) is not null as calls
        from messages
        where {share}
          and completion_key in (select completion_key from answered where status = 'complete')
        group by all
    ) as said
    inner join answered using (completion_key)
    where said.role = 'assistant'
      and coalesce(said.content, '') = coalesce(answered.content, '')
      and said.calls = (answered.tool_call_count > 0)
),
asked as (
    select
        completion_key,
        to_json(list(
            {role: role, content: content, content_parts: content_parts, name: name, tool_call_id: tool_call_id, tool_calls: tool_calls}
            order by message_index
        )) as messages,
        bool_or(role is null) as lacks_role,
        bool_or(coalesce(content, content_parts, tool_calls) is null and role <> 'assistant') as lacks_text,
        bool_or(regexp_full_match(content, {hashed})) as is_hidden
    from messages
    anti join echoed using (completion_key, message_index)
    where {share}
      and completion_key in (select completion_key from answered where status = 'complete')
    group by all
)
select
    id,
    model,
    system_fingerprint,
    completion_key,
    choice_index,
    source,
    line_number,
    byte_offset,
    case
        when status <> 'complete' then status
        when text_digest is not null or asked.is_hidden or called.is_hidden or lacks_text
          or regexp_full_match(coalesce(content, refusal), {hashed}) then 'no_text'
        when messages is null then 'no_prompt'
        when lacks_role then 'no_role'
        when refusal is not null then 'refusal'
        when coalesce(finish_class, '') not in ('stop', 'tool_calls') then 'finish'
        when audio is not null then 'audio'
        when is_custom then 'custom_call'
        when is_broken then 'broken_call'
        when not regexp_matches(coalesce(content, ''), '\S') and calls is null then 'empty'
        when list_has_any(flags, ['ambiguous_grouping', 'cumulative_content', 'invalid_unicode', 'order_suspect', 'twin_differs']) then 'suspect'
    end as left_out,
    if(left_out is null, messages, null) as messages,
    if(left_out is null, content, null) as content,
    if(left_out is null, reasoning, null) as reasoning,
    if(left_out is null, calls, null) as calls,
    if(left_out is null, request -> '$.tools', null) as tools,
    if(left_out is null, request -> '$.functions', null) as functions,
    if(left_out is null, request -> '$.parallel_tool_calls', null) as parallel_tool_calls
from answered
left join called using (completion_key, choice_index)
left join asked using (completion_key)
order by completion_key, choice_index
