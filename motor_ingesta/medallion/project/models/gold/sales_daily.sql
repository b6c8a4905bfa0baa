with order_lines as (
    select
        order_id,
        channel,
        province,
        cast(ordered_at as date) as sale_date,
        coalesce(status, '') = 'returned' as is_returned,
        line.*
    from {{ ref('orders_enriched') }}
    lateral view explode(lines) exploded as line
),

destinations as (
    select order_id, min(destination_province) as province
    from {{ ref('shipments') }}
    group by order_id
)

select
    order_lines.sale_date,
    order_lines.channel,
    order_lines.product_id,
    order_lines.product_name,
    order_lines.category,
    coalesce(order_lines.province, destinations.province, 'unknown') as province,
    count(distinct order_lines.order_id) as orders,
    sum(order_lines.quantity) as units,
    cast(sum(order_lines.amount) as decimal(18, 2)) as amount_eur,
    cast(sum(if(order_lines.is_returned, order_lines.amount, 0)) as decimal(18, 2)) as returned_eur
from order_lines
left join destinations
    on order_lines.order_id = destinations.order_id
group by 1, 2, 3, 4, 5, 6
