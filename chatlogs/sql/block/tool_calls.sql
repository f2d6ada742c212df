-- Which tools do the plain chunks of this block call? Arguments are joined in the order of the lines.
with calls as (
    select
        s.first_line as line_number,
        f.first_line,
        f.choice_index,
        f.tool_calls[1] as call
    from facts as f join streams as s using (stream)
    where f.plain and s.plain and len(f.tool_calls) > 0
)
select
    line_number,
    choice_index,
    call.slot as tool_call_index,
    arg_min(call.id, first_line) as call_id,
    'function' as kind,
    arg_min(call.name, first_line) as name,
    string_agg(call.arguments, '' order by first_line) as arguments
from calls
group by line_number, choice_index, call.slot
