select
    coalesce(farm_id, 'unknown') as farm_id,
    cast(date_trunc('month', photo_date) as date) as month,
    count(*) as photos,
    count(distinct content_hash) as different_photos,
    sum(bytes) as bytes,
    min(photo_date) as first_photo_date,
    max(photo_date) as last_photo_date
from {{ ref('photos') }}
group by 1, 2
