with sales as (
    select
        sale_date,
        province,
        sum(units) as units,
        cast(sum(amount_eur) as decimal(18, 2)) as amount_eur
    from {{ ref('sales_daily') }}
    group by 1, 2
),

weather as (
    select
        cast(observed_at as date) as day,
        province,
        round(avg(temperature_c), 2) as temperature_c,
        round(avg(rain_mm), 2) as rain_mm
    from {{ ref('weather') }}
    group by 1, 2
)

select
    sales.sale_date,
    sales.province,
    sales.units,
    sales.amount_eur,
    weather.temperature_c,
    weather.rain_mm
from sales
left join weather
    on sales.sale_date = weather.day and sales.province = weather.province
