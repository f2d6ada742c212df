-- What is derived for each tool call of a whole response? One row a call, in the order of the pieces.
select
    -- a call that lacks its begin is continued by number, should that begin be found in an earlier log
    if(
        bool_or(call_id is null and name is null) over (partition by piece, choice_index),
        tool_call_index,
        row_number() over (partition by piece, choice_index order by tool_call_index) - 1
    ) as tool_call_index,
    -- hashed arguments come here when a later log continues their stream; then nobody can tell any more
    if(
        kind = 'custom' or arguments is null or regexp_full_match(arguments, {hashed}),
        null,
        json_valid(arguments)
    ) as arguments_valid
from piece_tool_calls
order by place
