"""A program for each package that tests/packages.py runs. Each uses it as its users do."""

PROGRAMS = {
    "opentelemetry-exporter-prometheus": """
        from opentelemetry.exporter.prometheus import PrometheusMetricReader
        from opentelemetry.sdk.metrics import MeterProvider
        meter = MeterProvider([PrometheusMetricReader()]).get_meter("m")
        meter.create_counter("jobs").add(3, {"who": "me"})
        meter.create_histogram("wait").record(0.7)
        has("# TYPE jobs_total counter", 'who="me"} 3.0', "wait_count", "target_info")
    """,
    "prometheus-async": """
        import asyncio, urllib.request
        from prometheus_async import aio
        from prometheus_client import Counter, Gauge, Histogram
        time, errors = Histogram("time", "T"), Counter("errors", "E")
        progress = Gauge("progress", "P")
        @aio.time(time)
        @aio.count_exceptions(errors)
        @aio.track_inprogress(progress)
        async def work(fails):
            assert progress._value.get() == 1
            if fails:
                raise ValueError
        async def main():
            await work(False)
            try:
                await work(True)
            except ValueError:
                pass
            server = await aio.web.start_http_server(addr="127.0.0.1", port=0)
            get = lambda: urllib.request.urlopen(server.url + "metrics").read().decode()
            text = await asyncio.to_thread(get)
            has("time_count 2.0", "errors_total 1.0", "progress 0.0", text=text)
            await server.close()
        asyncio.run(main())
    """,
    "django-prometheus": """
        import django
        from django.conf import settings
        around = "django_prometheus.middleware.Prometheus{}Middleware"
        settings.configure(
            ROOT_URLCONF="django_prometheus.urls", ALLOWED_HOSTS=["*"], SECRET_KEY="x",
            INSTALLED_APPS=["django_prometheus"],
            MIDDLEWARE=[around.format("Before"), around.format("After")],
            DATABASES={"default": {"ENGINE": "django_prometheus.db.backends.sqlite3",
                                   "NAME": ":memory:"}},
        )
        django.setup()
        from django.db import connection
        from django.test import Client
        connection.cursor().execute("SELECT 1")
        client = Client()
        client.get("/metrics")
        text = client.get("/metrics").content.decode()
        has("django_http_requests_total_by_method_total{method=\\"GET\\"} 2.0",
            'django_db_execute_total{alias="default",vendor="sqlite"} 1.0', text=text)
    """,
    "starlette_exporter": """
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.testclient import TestClient
        from starlette_exporter import PrometheusMiddleware, handle_metrics
        app = Starlette()
        app.add_middleware(PrometheusMiddleware, app_name="shop", group_paths=True)
        app.add_route("/metrics", handle_metrics)
        app.add_route("/", lambda request: PlainTextResponse("hello"))
        client = TestClient(app)
        client.get("/")
        has('starlette_requests_total{app_name="shop",method="GET",path="/",status_code="200"} 1.0',
            "starlette_request_duration_seconds_bucket", text=client.get("/metrics").text)
    """,
    "starlette-prometheus": """
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.testclient import TestClient
        from starlette_prometheus import PrometheusMiddleware, metrics
        app = Starlette()
        app.add_middleware(PrometheusMiddleware)
        app.add_route("/metrics", metrics)
        app.add_route("/", lambda request: PlainTextResponse("hello"))
        client = TestClient(app)
        client.get("/")
        has('starlette_requests_total{method="GET",path_template="/"} 1.0',
            text=client.get("/metrics").text)
    """,
    "prometheus-fastapi-instrumentator": """
        from fastapi import FastAPI
        from fastapi.testclient import TestClient
        from prometheus_fastapi_instrumentator import Instrumentator
        for _ in range(2):  # the second registration is swallowed by the package
            app = FastAPI()
            app.get("/items/{item}")(lambda item: item)
            Instrumentator().instrument(app).expose(app)
        client = TestClient(app)
        client.get("/items/1")
        has('http_requests_total{handler="/items/{item}",method="GET",status="2xx"} 1.0',
            text=client.get("/metrics").text)
    """,
    "prometheus-flask-exporter": """
        from flask import Flask
        from prometheus_flask_exporter import PrometheusMetrics
        app = Flask("shop")
        metrics = PrometheusMetrics(app)
        metrics.info("shop_info", "Shop", version="1")
        @app.route("/")
        @metrics.counter("visits", "Visits", labels={"code": lambda r: r.status_code})
        def index():
            return "hello"
        client = app.test_client()
        client.get("/")
        has('flask_http_request_total{method="GET",status="200"} 1.0', 'visits_total{code="200"} 1.0',
            'shop_info{version="1"} 1.0', text=client.get("/metrics").text)
    """,
    "py-grpc-prometheus": """
        from concurrent.futures import ThreadPoolExecutor
        import grpc
        from py_grpc_prometheus.prometheus_client_interceptor import PromClientInterceptor
        from py_grpc_prometheus.prometheus_server_interceptor import PromServerInterceptor
        pool = ThreadPoolExecutor()
        inside = PromServerInterceptor(enable_handling_time_histogram=True)
        server = grpc.server(pool, interceptors=(inside,))
        echo = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
        server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("S", {"Echo": echo})])
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        plain = grpc.insecure_channel(f"127.0.0.1:{port}")
        channel = grpc.intercept_channel(plain, PromClientInterceptor())
        assert channel.unary_unary("/S/Echo")(b"x", timeout=10) == b"x"
        server.stop(None).wait()
        labels = 'grpc_method="Echo",grpc_service="S",grpc_type="UNARY"'
        has("grpc_server_handled_total{grpc_code=\\"OK\\"," + labels + "} 1.0",
            "grpc_client_started_total{" + labels + "} 1.0")
    """,
    "flower": """
        import time
        from tornado.options import options
        import flower.options
        from flower.events import EventsState
        options.task_runtime_metric_buckets = [1.0, 2.0, float("inf")]
        state = EventsState()
        of = {"hostname": "w", "local_received": time.time(), "timestamp": time.time(), "clock": 1}
        state.event(of | {"type": "worker-online", "freq": 2, "pid": 1})
        for kind in ("received", "started", "succeeded"):
            more = {"name": "add", "uuid": "1", "runtime": 1.5, "result": "3", "retries": 0}
            state.event(of | more | {"type": f"task-{kind}"})
        has('flower_events_total{task="add",type="task-succeeded",worker="w"} 1.0',
            'flower_task_runtime_seconds_bucket{le="2.0",task="add",worker="w"} 3.0',
            'flower_worker_online{worker="w"} 1.0')
        assert state.metrics.remove_workers({"w"}) == 1
        assert 'worker="w"' not in generate_latest().decode()
    """,
    "faststream": """
        import asyncio
        from faststream.redis import RedisBroker, TestRedisBroker
        from faststream.redis.prometheus import RedisPrometheusMiddleware
        from prometheus_client import CollectorRegistry
        registry = CollectorRegistry()
        def make():
            around = RedisPrometheusMiddleware(registry=registry, app_name="shop")
            broker = RedisBroker(middlewares=(around,))
            broker.subscriber("orders")(handle)
            return broker
        async def handle(message: str): ...
        async def main():
            for broker in (make(), make()):  # the second finds the metrics of the first
                async with TestRedisBroker(broker) as testing:
                    await testing.publish("hello", "orders")
        asyncio.run(main())
        has('faststream_received_messages_total{app_name="shop",broker="redis",handler="orders"} 2.0',
            text=generate_latest(registry).decode())
    """,
    "prometheus-push-client": """
        import prometheus_push_client as ppc
        from prometheus_client import Counter
        jobs = ppc.Counter("shop_jobs", "J", labelnames=["who", "where"],
                           default_labelvalues={"where": "here"})
        jobs.labels(who="me").inc(2)
        ppc.Histogram("shop_wait", "W", buckets=[1]).observe(0.5)
        for made in (ppc.InfluxFormat, ppc.StatsdFormat, ppc.OpenMetricsFormat):
            text = made().generate_latest().decode()
            assert "jobs" in text and "here" in text and "2.0" in text, text
        text = generate_latest(ppc.PUSH_REGISTRY).decode()
        has('shop_jobs_total{where="here",who="me"} 2.0', text=text)
    """,
    "dramatiq": """
        import dramatiq, os, tempfile
        from dramatiq.brokers.stub import StubBroker
        from dramatiq.middleware import prometheus
        broker = StubBroker()
        with tempfile.TemporaryDirectory() as prometheus.DB_PATH:
            middleware = prometheus.Prometheus()
            broker.add_middleware(middleware)
            dramatiq.set_broker(broker)
            @dramatiq.actor
            def work(): ...
            broker.emit_after("process_boot")
            worker = dramatiq.Worker(broker, worker_timeout=100)
            worker.start()
            work.send()
            broker.join("default")
            worker.join()
            worker.stop()
            labels = ("default", "work")
            assert middleware.total_messages.labels(*labels)._value.get() == 1
            samples = middleware.message_durations.collect()[0].samples
            assert [s.value for s in samples if s.name.endswith("_count")] == [1]
    """,
    "jupyter-server": """
        import asyncio
        from types import SimpleNamespace
        from jupyter_server.prometheus import metrics
        from jupyter_server.prometheus.log_functions import prometheus_log_method
        request = SimpleNamespace(method="GET", request_time=lambda: 0.2)
        prometheus_log_method(SimpleNamespace(request=request, get_status=lambda: 200))
        metrics.KERNEL_CURRENTLY_RUNNING_TOTAL.labels(type="python3").inc()
        has('http_request_duration_seconds_count{handler="types.SimpleNamespace",method="GET",'
            'status_code="200"} 1.0', 'kernel_currently_running_total{type="python3"} 1.0')
    """,
    "distributed": """
        import urllib.request
        from distributed import Client, LocalCluster
        if __name__ == "__main__":
            made = LocalCluster(n_workers=1, processes=False, dashboard_address="127.0.0.1:0")
            with made as cluster, Client(cluster) as client:
                assert client.submit(sum, [1, 2]).result() == 3
                port = cluster.scheduler.http_server.port
                get = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics")
                has('dask_scheduler_workers{state="idle"}', "dask_scheduler_tasks",
                    text=get.read().decode())
    """,
    "litestar": """
        from litestar import Litestar, get
        from litestar.plugins.prometheus import PrometheusConfig, PrometheusController
        from litestar.testing import TestClient
        @get("/")
        async def index() -> str:
            return "hello"
        config = PrometheusConfig(app_name="shop")
        app = Litestar([index, PrometheusController], middleware=[config.middleware])
        with TestClient(app) as client:
            client.get("/")
            text = client.get("/metrics").text
        has('litestar_requests_total{app_name="shop",method="GET",path="/",status_code="200"} 1.0',
            text=text)
    """,
    "jupyterhub": """
        from jupyterhub import metrics
        metrics.RUNNING_SERVERS.inc()
        metrics.SERVER_SPAWN_DURATION_SECONDS.labels(status="success", reason="").observe(3)
        metrics.ACTIVE_USERS.labels(period=metrics.ActiveUserPeriods.twenty_four_hours.value).set(5)
        has("jupyterhub_running_servers 1.0", 'jupyterhub_active_users{period="24h"} 5.0',
            'jupyterhub_server_spawn_duration_seconds_count{reason="",status="success"} 1.0')
    """,
    "opencensus-ext-prometheus": """
        from opencensus.ext.prometheus import stats_exporter as prometheus
        from opencensus.stats import aggregation, measure, stats, view
        jobs = measure.MeasureInt("jobs", "Jobs", "1")
        counted = view.View("jobs", "Jobs", [], jobs, aggregation.CountAggregation())
        manager, recorder = stats.stats.view_manager, stats.stats.stats_recorder
        options = prometheus.Options(namespace="shop", port=0, address="127.0.0.1")
        exporter = prometheus.new_stats_exporter(options)
        manager.register_exporter(exporter)
        manager.register_view(counted)
        record = recorder.new_measurement_map()
        record.measure_int_put(jobs, 1)
        record.record()
        import time
        deadline = time.monotonic() + 10
        while "shop_jobs_total 1.0" not in (text := generate_latest(options.registry).decode()):
            assert time.monotonic() < deadline, text
            time.sleep(0.05)
    """,
    "rq-exporter": """
        import os
        from redis import Redis
        from rq import Queue
        port = int(os.environ["REDIS_PORT"])
        queue = Queue(connection=Redis(port=port))
        queue.empty()
        queue.enqueue(print, "hello")
        os.environ["RQ_REDIS_PORT"] = str(port)
        from rq_exporter import create_app
        from webtest import TestApp
        has('rq_jobs{queue="default",status="queued"} 1.0', text=TestApp(create_app()).get("/").text)
    """,
    "aiohttp-prometheus-exporter": """
        import asyncio
        from aiohttp import web
        from aiohttp.test_utils import TestClient, TestServer
        from aiohttp_prometheus_exporter.handler import metrics
        from aiohttp_prometheus_exporter.middleware import prometheus_middleware_factory
        async def index(request):
            return web.Response(text="hello")
        async def main():
            app = web.Application(middlewares=[prometheus_middleware_factory()])
            app.router.add_get("/", index)
            app.router.add_get("/metrics", metrics())
            async with TestClient(TestServer(app)) as client:
                await client.get("/")
                text = await (await client.get("/metrics")).text()
                has("aiohttp_requests_total{", 'path_template="/",', text=text)
        asyncio.run(main())
    """,
    "arq-prometheus": """
        import asyncio, os
        from arq import create_pool
        from arq.connections import RedisSettings
        from arq_prometheus import ArqPrometheusMetrics
        from datetime import timedelta
        async def main():
            redis = await create_pool(RedisSettings(port=int(os.environ["REDIS_PORT"])))
            health = "Nov-26 10:00:00 j_complete=3 j_failed=1 j_retried=0 j_ongoing=2 queued=4"
            await redis.set("arq:queue:health-check", health)
            metrics = ArqPrometheusMetrics({"redis": redis}, delay=timedelta(seconds=0.1),
                                           enable_webserver=False)
            await metrics.start()
            for _ in range(200):
                await asyncio.sleep(0.05)
                if "arq_jobs_completed 3.0" in generate_latest().decode():
                    break
            await metrics.stop()
            has("arq_jobs_completed 3.0", "arq_jobs_ongoing 2.0")
        asyncio.run(main())
    """,
    "asgi-prometheus": """
        from asgi_prometheus import PrometheusMiddleware
        from starlette.applications import Starlette
        from starlette.responses import PlainTextResponse
        from starlette.testclient import TestClient
        app = Starlette()
        app.add_route("/", lambda request: PlainTextResponse("hello"))
        around = PrometheusMiddleware(app, metrics_url="/metrics")
        async def asgi(scope, receive, send):
            await around(scope, receive, send)
        client = TestClient(asgi)
        client.get("/")
        has('requests_count_total{method="GET",path=""} 1.0', text=client.get("/metrics").text)
    """,
    "pyramid-prometheus": """
        from prometheus_client import make_wsgi_app
        from pyramid.config import Configurator
        from pyramid.response import Response
        from webtest import TestApp
        config = Configurator(settings={"prometheus.ignore_initial_request_count": "0"})
        config.include("pyramid_prometheus")
        config.add_route("index", "/")
        config.add_view(lambda request: Response("hello"), route_name="index")
        TestApp(config.make_wsgi_app()).get("/")
        has('pyramid_request_count{method="GET",status="200"} 1.0',
            'pyramid_route_count_total{route="index"} 1.0',
            text=TestApp(make_wsgi_app()).get("/").text)
    """,
}
