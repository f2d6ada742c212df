-- Which tools do the plain chunks of this block call? Arguments are joined in the order of the lines.
select
    s.first_line as line_number,
    f.choice_index,
    f.call_slot as tool_call_index,
    arg_min(f.call_id, f.first_line) as call_id,
    'function' as kind,
    arg_min(f.call_name, f.first_line) as name,
    string_agg(f.call_arguments, '' order by f.first_line) as arguments
from chunks as f join streams as s using (stream)
where s.plain and f.call_slot is not null
group by s.first_line, f.choice_index, f.call_slot
