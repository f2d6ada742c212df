-- Which responses stay whose flags no longer hold, as all that shared their id is erased? As rows of completions.
with others as (
    select
        *,
        count(*) over (partition by id) = 1 as is_only,
        count(distinct form) over (partition by id, model, created) = 1 as is_of_one_form
    from completions
    where id in (select id from completions where completion_key in (select completion_key from erased))
        and completion_key not in (select completion_key from erased)
)
select * exclude (is_only, is_of_one_form) replace (
    list_filter(
        flags, lambda flag: not (is_only and flag = 'id_collision' or is_of_one_form and flag = 'twin_differs')
    ) as flags
)
from others
where (is_only and list_contains(flags, 'id_collision')) or (is_of_one_form and list_contains(flags, 'twin_differs'))
