{{ config(unique_key='harvest_id') }}

with valid as (
    select *
    from {{ ref('stg_fields__harvests') }}
    where size(_faults) = 0 and {{ is_new('fields__harvests') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by harvest_id
            order by {{ latest_first(['farm_id', 'field_id', 'product_id', 'harvested_at', 'weight_kg', 'moisture_pct', 'quality']) }}
        ) as _rank
    from valid
)

select
    harvest_id,
    farm_id,
    field_id,
    product_id,
    harvested_at,
    weight_kg,
    moisture_pct,
    quality,
    _version,
    _ingested_at
from ranked
where _rank = 1
