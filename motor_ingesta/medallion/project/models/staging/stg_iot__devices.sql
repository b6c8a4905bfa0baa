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
    {{ file_version('reported_at') }} as _version,
    _ingested_at,
    {{ faults([
        missing('device_id'),
        missing('farm_id'),
        missing('reported_at'),
        outside('battery_pct', 0, 100),
        outside('humidity_pct', 0, 100),
        outside('temperature_c', -60, 80),
        outside('latitude', -90, 90),
        outside('longitude', -180, 180),
    ]) }} as _faults
from {{ source('bronze', 'iot__devices') }}
