{{ config(unique_key='photo') }}

with valid as (
    select *
    from {{ ref('stg_fields__photos') }}
    where size(_faults) = 0 and {{ is_new('fields__photos') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by photo
            order by {{ latest_first(['photo_date', 'farm_id', 'bytes', 'content_hash']) }}
        ) as _rank
    from valid
)

select
    photo,
    photo_date,
    farm_id,
    bytes,
    content_hash,
    _version,
    _ingested_at
from ranked
where _rank = 1
