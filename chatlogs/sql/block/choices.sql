-- What do the plain chunks of this block say of each choice? Text is joined in the order of the lines.
select
    s.first_line as line_number,
    f.choice_index,
    arg_min(f.role, f.first_line) as role,
    string_agg(f.content, '' order by f.first_line) as content,
    string_agg(f.reasoning, '' order by f.first_line) as reasoning,
    string_agg(f.refusal, '' order by f.first_line) as refusal,
    any_value(f.finish_reason) as finish_reason
from chunks as f join streams as s using (stream)
where s.plain and f.choice_index is not null
group by s.first_line, f.choice_index
