{{ config(unique_key=['device_id', 'metric', 'measured_at']) }}

with valid as (
    select *
    from {{ ref('stg_iot__telemetry') }}
    where size(_faults) = 0 and {{ is_new('iot__telemetry') }}
),

ranked as (
    select
        *,
        row_number() over (
            partition by device_id, metric, measured_at
            order by {{ latest_first(['farm_id', 'value', 'unit']) }}
        ) as _rank
    from valid
)

select
    device_id,
    farm_id,
    metric,
    value,
    unit,
    measured_at,
    _version,
    _ingested_at
from ranked
where _rank = 1
