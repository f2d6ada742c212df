-- What is derived for each whole response? What a piece says itself needs no query.
-- One row a piece, in the order of the pieces; choices and finished are counted already.
select
    case
        when error_code is not null or error_type is not null or error_message is not null then 'error'
        when finished < greatest(choices, 1) then 'truncated'
        else 'complete'
    end as status,
    choices as choice_count,
    if(usage is null, 'none', 'reported') as usage_source,
    case
        when id is null then list_sort(list_distinct(list_append(coalesce(flags, []), 'no_id')))
        -- a part of it had none
        when list_contains(flags, 'no_id') then list_filter(flags, lambda flag: flag <> 'no_id')
        else coalesce(flags, [])
    end as flags
from piece_completions
