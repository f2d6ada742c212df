-- Which lines of this block say the same but for the text they add?
-- A run is the lines of one body with the same bytes before and behind the text (and before the random padding, if
-- there is any); its fragments are joined in the order of the lines, and text is what they say, null if that is no JSON.
-- Padding tells a line that was logged twice from two equal fragments: repeats counts the former.
with joined as (
    select
        {parts},
        transcript,
        string_agg(fragment, '') as fragments,
        count(*) as chunks,
        list(line) as lines,
        min(line) as first_line,
        max(line) as last_line,
        {repeats} as repeats
    from cut_lines
    group by {parts}, transcript
)
select
    first_line,
    last_line,
    chunks,
    lines,
    fragments,
    repeats,
    case
        when not contains(fragments, '\') then fragments
        when json_valid('"' || fragments || '"') then json_extract_string('"' || fragments || '"', '$')
    end as text
from joined
order by first_line
