select
    device_id,
    farm_id,
    metric,
    value,
    unit,
    measured_at,
    {{ record_version('measured_at') }} as _version,
    _ingested_at,
    {{ faults([
        missing('device_id'),
        missing('farm_id'),
        missing('metric'),
        missing('value'),
        missing('measured_at'),
        outside('value', -60, 10000),
    ]) }} as _faults
from {{ source('bronze', 'iot__telemetry') }}
