-- Which lines of this block say the same but for the text they add?
-- A run is one skeleton within one body; its fragments are joined in the order of the lines.
-- Random padding tells a line that was logged twice from two equal fragments: repeats counts the former.
create or replace temp table runs as
select
    any_value(head || '{mark}' || middle || tail) as skeleton,
    string_agg(fragment, '') as fragments,
    arg_min(fragment, line) as first_fragment,
    arg_max(fragment, line) as last_fragment,
    count(*) as chunks,
    min(line) as first_line,
    max(line) as last_line,
    list(line) as lines,
    transcript,
    {repeats} as repeats
from cut_lines
group by head, middle, tail, transcript
