SELECT region, avg(hours_late) AS late, count(*) AS parcels FROM self GROUP BY region ORDER BY region
