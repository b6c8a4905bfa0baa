select
    station_id,
    province,
    observed_at,
    temperature_c,
    humidity_pct,
    wind_kmh,
    rain_mm,
    {{ file_version('observed_at') }} as _version,
    _ingested_at,
    {{ faults([
        missing('station_id'),
        missing('observed_at'),
        outside('temperature_c', -60, 60),
        outside('humidity_pct', 0, 100),
        outside('wind_kmh', 0, 400),
        negative('rain_mm'),
    ]) }} as _faults
from {{ source('bronze', 'weather__observations') }}
