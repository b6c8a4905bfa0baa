with last_reports as (
    select
        farm_id,
        cast(reported_at as date) as day,
        device_id,
        max_by(battery_pct, reported_at) as battery_pct
    from {{ ref('device_reports') }}
    group by 1, 2, 3
),

device_days as (
    select
        farm_id,
        day,
        count(*) as devices_reporting,
        count_if(battery_pct < 20) as devices_low_battery,
        round(avg(battery_pct), 2) as battery_pct
    from last_reports
    group by 1, 2
),

reading_days as (
    select
        farm_id,
        cast(measured_at as date) as day,
        count(*) as readings,
        round(avg(if(metric = 'soil_moisture', value, null)), 2) as soil_moisture_pct,
        round(avg(if(metric = 'air_temperature', value, null)), 2) as air_temperature_c,
        round(avg(if(metric = 'water_flow', value, null)), 2) as water_flow_l_min
    from {{ ref('readings_enriched') }}
    group by 1, 2
),

rain_days as (
    select
        farms.farm_id,
        cast(weather.hour as date) as day,
        round(sum(weather.rain_mm), 2) as rain_mm
    from {{ ref('weather_hourly') }} as weather
    inner join {{ ref('farms') }} as farms
        on weather.station_id = farms.station_id
    group by 1, 2
),

farm_days as (
    select farm_id, day from device_days
    union
    select farm_id, day from reading_days
)

select
    farm_days.day,
    farm_days.farm_id,
    farms.farm_name,
    farms.province,
    coalesce(device_days.devices_reporting, 0) as devices_reporting,
    coalesce(device_days.devices_low_battery, 0) as devices_low_battery,
    device_days.battery_pct,
    coalesce(reading_days.readings, 0) as readings,
    reading_days.soil_moisture_pct,
    reading_days.air_temperature_c,
    reading_days.water_flow_l_min,
    rain_days.rain_mm,
    case
        when reading_days.soil_moisture_pct is null then 'unknown'
        when reading_days.soil_moisture_pct >= {{ var('dry_soil_pct') }} then 'none'
        when rain_days.rain_mm >= 5 then 'low'
        else 'high'
    end as irrigation_need
from farm_days
left join device_days
    on farm_days.farm_id = device_days.farm_id and farm_days.day = device_days.day
left join reading_days
    on farm_days.farm_id = reading_days.farm_id and farm_days.day = reading_days.day
left join {{ ref('farms') }} as farms
    on farm_days.farm_id = farms.farm_id
left join rain_days
    on farm_days.farm_id = rain_days.farm_id and farm_days.day = rain_days.day
