select
    customer_id,
    min(ordered_at) as first_order_at,
    max(ordered_at) as last_order_at,
    count(*) as orders,
    cast(sum(amount) as decimal(18, 2)) as amount_eur
from {{ ref('orders_enriched') }}
group by customer_id
