select
    station_id,
    date_trunc('hour', observed_at) as hour,
    round(avg(temperature_c), 2) as temperature_c,
    round(avg(humidity_pct), 2) as humidity_pct,
    round(avg(wind_kmh), 2) as wind_kmh,
    round(sum(rain_mm), 2) as rain_mm,
    max(_ingested_at) as _ingested_at
from {{ ref('weather') }}
group by 1, 2
