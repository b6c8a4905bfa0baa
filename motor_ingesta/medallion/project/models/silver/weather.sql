{{ config(unique_key=['station_id', 'observed_at']) }}

with valid as (
    select *
    from {{ ref('stg_weather__observations') }}
    where size(_faults) = 0 and {{ is_new('weather__observations') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by station_id, observed_at
            order by {{ latest_first(['province', 'temperature_c', 'humidity_pct', 'wind_kmh', 'rain_mm']) }}
        ) as _rank
    from valid
)

select
    station_id,
    province,
    observed_at,
    temperature_c,
    humidity_pct,
    wind_kmh,
    rain_mm,
    _version,
    _ingested_at
from ranked
where _rank = 1
