{{ config(unique_key=['device_id', 'reported_at']) }}

with valid as (
    select *
    from {{ ref('stg_iot__devices') }}
    where size(_faults) = 0 and {{ is_new('iot__devices') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by device_id, reported_at
            order by {{ latest_first(['farm_id', 'kind', 'firmware', 'battery_pct', 'latitude', 'longitude', 'temperature_c', 'humidity_pct']) }}
        ) as _rank
    from valid
)

select
    device_id,
    farm_id,
    kind,
    firmware,
    battery_pct,
    latitude,
    longitude,
    temperature_c,
    humidity_pct,
    reported_at,
    _version,
    _ingested_at
from ranked
where _rank = 1
