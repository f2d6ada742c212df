-- What is derived for each tool call of a whole response? One row a call, in the order of the pieces.
select
    row_number() over (partition by piece, choice_index order by tool_call_index) - 1 as tool_call_index,
    if(kind = 'custom' or arguments is null, null, json_valid(arguments)) as arguments_valid
from piece_tool_calls
order by place
