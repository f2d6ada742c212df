-- What went wrong, how often, when, and in which words?
-- An error is a response with an error object or an HTTP status of 400 and more; shares are of all responses.
with counted as (
    select
        {by}
        status = 'error' or coalesce(status_code >= 400, false) as failed,
        if(failed, status_code, null) as http_status,
        if(failed, error_type, null) as type,
        if(failed, error_code, null) as code,
        count(*) as responses,
        min({time}) as first_seen,
        max({time}) as last_seen,
        min(error_message) filter (where failed) as message
    from completions
    where {where}
    group by all
),
shared as (
    select
        *,
        responses / sum(responses) over ({each}) as share
    from counted
)
select
    {names}
    http_status,
    type,
    code,
    responses,
    share,
    first_seen,
    last_seen,
    message
from shared
where failed
order by {sort}
{limit}
