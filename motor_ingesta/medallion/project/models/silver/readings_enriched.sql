{{ config(
    unique_key=['device_id', 'metric', 'measured_at'],
    matched_condition='true'
) }}

-- A reading with its farm and the weather of its hour. Weather that arrives later is added to the
-- readings of its hour.
select
    readings.device_id,
    readings.farm_id,
    farms.farm_name,
    farms.province,
    readings.metric,
    readings.value,
    readings.unit,
    readings.measured_at,
    weather.temperature_c as weather_temperature_c,
    weather.humidity_pct as weather_humidity_pct,
    weather.wind_kmh as weather_wind_kmh,
    weather.rain_mm as weather_rain_mm,
    readings._version,
    greatest(readings._ingested_at, weather._ingested_at) as _ingested_at
from {{ ref('readings') }} as readings
left join {{ ref('farms') }} as farms
    on readings.farm_id = farms.farm_id
left join {{ ref('weather_hourly') }} as weather
    on farms.station_id = weather.station_id
    and date_trunc('hour', readings.measured_at) = weather.hour
where {{ is_new('iot__telemetry', 'readings') }}
    or {{ is_new('weather__observations', 'weather') }}
