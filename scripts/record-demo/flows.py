"""The flows of the recorded demo workspace: the data team of an invented web shop. Run by record.py on a real Prefect server."""

import os
import time

from prefect import flow, get_run_logger, pause_flow_run, task
from prefect.concurrency.sync import concurrency
from prefect.events import emit_event
from prefect.input import RunInput

WAREHOUSES = ("berlin", "lyon", "oslo")


@task
def load_batch(number: int) -> int:
    time.sleep(3.2)
    return 380 + 17 * number


@flow(name="ingest-orders", log_prints=True)
def ingest_orders(source: str = "web", batches: int = 8):
    """Load the order batches that a shop front has put into the inbox."""
    total = 0
    for number in range(1, batches + 1):
        orders = load_batch(number)
        total += orders
        print(f"batch {number}/{batches} from {source}: {orders} orders")
        emit_event(
            "shop.orders.batch-loaded",
            resource={
                "prefect.resource.id": f"shop.inbox.{source}",
                "prefect.resource.name": f"{source} inbox",
                "shop.front": source,
            },
            payload={"batch": number, "orders": orders, "rejected": number % 3},
        )
        time.sleep(0.4)
    return total


@task
def fetch_orders(region: str) -> int:
    time.sleep(0.4)
    return 1240


@task(retries=2, retry_delay_seconds=2)
def fetch_rates(region: str) -> float:
    from prefect.runtime import task_run

    if region == "us" and task_run.run_count < 2:
        raise ConnectionError("exchange-rate service answered 503 Service Unavailable")
    return 1.08


@task(tags=["warehouse"])
def aggregate(region: str, orders: int, rate: float) -> float:
    time.sleep(0.5)
    return orders * rate


@flow(name="hourly-report", log_prints=True)
def hourly_report(region: str = "eu"):
    """Revenue of the last hour, per region."""
    with concurrency("warehouse-connections", occupy=1):
        orders = fetch_orders(region)
        revenue = aggregate(region, orders, fetch_rates(region))
    print(f"revenue of {region}: {revenue:,.2f}")
    emit_event(
        "shop.report.published",
        resource={"prefect.resource.id": f"shop.report.{region}", "prefect.resource.name": f"revenue {region}"},
        payload={"region": region, "revenue": revenue},
    )


@task
def rebuild_shard(number: int) -> int:
    time.sleep(0.3)
    return number * number


@task
def publish_index(sizes: list[int]) -> int:
    return sum(sizes)


@flow(name="nightly-rebuild", log_prints=True)
def nightly_rebuild(shards: int = 26):
    """Rebuild the search index, shard by shard."""
    sizes = rebuild_shard.map(range(shards)).result()
    print(f"index of {publish_index(sizes)} documents published")


def parse_amount(raw: str) -> float:
    return float(raw)


@task(retries=1, retry_delay_seconds=1)
def import_invoice(number: str, raw: str) -> float:
    get_run_logger().info("importing invoice %s", number)
    return parse_amount(raw)


@flow(name="billing-import")
def billing_import(amounts: list[str] = ["118.00", "64.90", "12,50"]):
    """Book the invoices that the billing provider has sent."""
    logger = get_run_logger()
    for position, raw in enumerate(amounts):
        import_invoice(f"INV-20{position + 17}", raw)
    logger.info("booked %s invoices", len(amounts))


@flow(name="billing-repair")
def billing_repair(failed_run: str = ""):
    """Put the invoices of a failed import back into the inbox. Started by an automation."""
    logger = get_run_logger()
    logger.warning("invoices of run %s go back into the inbox", failed_run)


@flow(name="export-ledger")
def export_ledger(pages: int = 1200):
    """Write the ledger to the archive, page by page."""
    logger = get_run_logger()
    for page in range(1, 301):
        logger.info("page %s of %s written, %s entries", page, pages, 480 + page % 23)
    logger.error("disk quota exceeded: archive volume is full (quota 40 GiB, used 40 GiB)")
    raise RuntimeError(f"export aborted after page 300 of {pages}")


@task
def count_stock(warehouse: str) -> int:
    return len(warehouse) * 1000


@flow(name="sync-warehouse")
def sync_warehouse(warehouse: str):
    stock = count_stock(warehouse)
    if warehouse == "oslo":
        raise RuntimeError(f"stock table inventory_{warehouse} is locked by another session")
    get_run_logger().info("%s: %s articles in stock", warehouse, stock)


@flow(name="sync-inventory")
def sync_inventory():
    """Compare the stock of every warehouse with the shop. Each warehouse is a subflow."""
    for warehouse in WAREHOUSES:
        sync_warehouse(warehouse)


@task
def load_features(rows: int) -> int:
    time.sleep(0.5)
    return rows


@flow(name="train-model", log_prints=True)
def train_model(rows: int = 200_000, epochs: int = 400):
    """Train the recommendation model on the one machine that has a GPU."""
    load_features(rows)
    if rows > 1_000_000:
        print(f"allocating the feature matrix for {rows} rows")
        time.sleep(2.5)
        os._exit(137)
    for epoch in range(1, epochs + 1):
        print(f"epoch {epoch}/{epochs}, loss {2.4 / (1 + epoch):.4f}")
        time.sleep(12)


class Approval(RunInput):
    approved: bool
    comment: str = ""


@flow(name="approve-payout", log_prints=True)
def approve_payout(amount: float = 18250.0, supplier: str = "Nordwind Freight"):
    """Pay a supplier after a person has agreed."""
    print(f"payout of {amount:,.2f} to {supplier} waits for approval")
    decision = pause_flow_run(wait_for_input=Approval, timeout=86_400, poll_interval=20)
    print(f"approved: {decision.approved}")


@flow(name="legacy-feed")
def legacy_feed():
    """Read the feed of the old shop system."""
    time.sleep(1)
