// Generated from the broker's /api/v5/openapi.json by `npm run api`: not to be edited.

export interface paths {
    "/healthz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether the broker lives: 503 if a reactor has not turned for seconds
         * @description Role: without a key.
         */
        get: operations["get_healthz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether all listeners are open and the broker does not stop: 200, else 503
         * @description Role: without a key.
         */
        get: operations["get_readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * This description
         * @description Role: without a key.
         */
        get: operations["get_api_v5_openapi_json"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Figures for Prometheus
         * @description Needs a key only with listeners.http.metrics_need_key.
         *
         *     Role: without a key.
         */
        get: operations["get_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/prometheus/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The same, where EMQX has it
         * @description Role: without a key.
         */
        get: operations["get_api_v5_prometheus_stats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/authentication": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The ways that users of the catalog log in
         * @description Tokens and certificates are in the configuration alone.
         *
         *     Role: administrator or viewer.
         */
        get: operations["get_api_v5_authentication"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/authentication/{id}/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Users of MQTT clients
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_authentication_id_users"];
        put?: never;
        /**
         * Creates a user; the broker knows it within a second
         * @description Role: administrator.
         */
        post: operations["post_api_v5_authentication_id_users"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/authentication/{id}/users/{user_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One user
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_authentication_id_users_user_id"];
        /**
         * Changes a password, or whether rules apply
         * @description Role: administrator.
         */
        put: operations["put_api_v5_authentication_id_users_user_id"];
        post?: never;
        /**
         * Deletes a user; connections that are open stay
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_authentication_id_users_user_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/banned": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All bans, those that are over included
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_banned"];
        put?: never;
        /**
         * Bans a client id, a user or an address; who is connected is ended within a second
         * @description Role: administrator.
         */
        post: operations["post_api_v5_banned"];
        /**
         * Deletes all bans
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_banned"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/banned/{as}/{who}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Deletes a ban
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_banned_as_who"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/authorization/sources/built_in_database/rules/clients": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Rules by client id
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_authorization_sources_built_in_database_rules_clients"];
        put?: never;
        /**
         * Gives rules to client ids that have none
         * @description Role: administrator.
         */
        post: operations["post_api_v5_authorization_sources_built_in_database_rules_clients"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/authorization/sources/built_in_database/rules/clients/{clientid}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Rules of a client id
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_authorization_sources_built_in_database_rules_clients_clientid"];
        /**
         * Replaces the rules of a client id
         * @description Role: administrator.
         */
        put: operations["put_api_v5_authorization_sources_built_in_database_rules_clients_clientid"];
        post?: never;
        /**
         * Deletes the rules of a client id
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_authorization_sources_built_in_database_rules_clients_clientid"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/authorization/sources/built_in_database/rules/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Rules by user
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_authorization_sources_built_in_database_rules_users"];
        put?: never;
        /**
         * Gives rules to users that have none
         * @description Role: administrator.
         */
        post: operations["post_api_v5_authorization_sources_built_in_database_rules_users"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/authorization/sources/built_in_database/rules/users/{username}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Rules of a user
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_authorization_sources_built_in_database_rules_users_username"];
        /**
         * Replaces the rules of a user
         * @description Role: administrator.
         */
        put: operations["put_api_v5_authorization_sources_built_in_database_rules_users_username"];
        post?: never;
        /**
         * Deletes the rules of a user
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_authorization_sources_built_in_database_rules_users_username"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/authorization/sources/built_in_database/rules/all": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Rules of all clients
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_authorization_sources_built_in_database_rules_all"];
        put?: never;
        /**
         * Replaces the rules of all clients
         * @description Role: administrator.
         */
        post: operations["post_api_v5_authorization_sources_built_in_database_rules_all"];
        /**
         * Deletes the rules of all clients
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_authorization_sources_built_in_database_rules_all"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/login": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A token for a user's name and password
         * @description The token is sent as Authorization: Bearer. It lives for an hour after its last use. With session there is no token: an HttpOnly cookie is set, and session, which the page sends along as X-Varve-Session.
         *
         *     Role: without a key.
         */
        post: operations["post_api_v5_login"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/logout": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Ends the token that is sent with it
         * @description Role: any role.
         */
        post: operations["post_api_v5_logout"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/users": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All users of the dashboard
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_users"];
        put?: never;
        /**
         * Creates a user of the dashboard
         * @description Role: administrator.
         */
        post: operations["post_api_v5_users"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/users/{username}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Changes role and description of a user
         * @description Role: administrator.
         */
        put: operations["put_api_v5_users_username"];
        post?: never;
        /**
         * Deletes a user, and ends his logins
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_users_username"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/users/{username}/change_pwd": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Changes a password; other logins of the user end
         * @description Users change their own and give the former one. An administrator's API key changes any, without it.
         *
         *     Role: any role.
         */
        post: operations["post_api_v5_users_username_change_pwd"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Who asks
         * @description username of a dashboard user, or key of an API key. initial_password tells that the user still has the password that the first start has printed.
         *
         *     Role: any role.
         */
        get: operations["get_api_v5_session"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/api_key": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All API keys, without their secrets
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_api_key"];
        put?: never;
        /**
         * Creates an API key; its secret is shown this once
         * @description Role: administrator.
         */
        post: operations["post_api_v5_api_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/api_key/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One API key
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_api_key_name"];
        /**
         * Changes what is given: enable, expired_at, desc, role
         * @description Role: administrator.
         */
        put: operations["put_api_v5_api_key_name"];
        post?: never;
        /**
         * Deletes an API key
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_api_key_name"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * How many there are: connections, sessions, subscriptions
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_stats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What has happened since the start: packets, bytes, messages
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/nodes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The node
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_nodes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/nodes/{node}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The node, by its name
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_nodes_node"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether the broker runs
         * @description Role: without a key.
         */
        get: operations["get_api_v5_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/status": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The same, where EMQX has it too
         * @description Role: without a key.
         */
        get: operations["get_status"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/clients": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Clients that are connected or have a session
         * @description count is left out where a filter is given and there are more pages: it would cost a walk over all.
         *
         *     Role: administrator or viewer.
         */
        get: operations["get_api_v5_clients"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/clients/{clientid}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One client
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_clients_clientid"];
        put?: never;
        post?: never;
        /**
         * Kicks a client out: its connection ends, and its session
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_clients_clientid"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/clients/kickout/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Kicks out many clients; those that are not there do not matter
         * @description Role: administrator.
         */
        post: operations["post_api_v5_clients_kickout_bulk"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/monitor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Figures of the last hour, every ten seconds
         * @description received, sent, dropped, their bytes and stored (messages that stations have taken) are what came in the ten seconds before. tier_lag: what is expelled and not committed, of all stations; its ms is that of the station that is furthest behind.
         *
         *     Role: administrator or viewer.
         */
        get: operations["get_api_v5_monitor"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/monitor_current": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Figures as they are, and rates of the last second
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_monitor_current"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/alarms": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Alarms, those that go on first, then those that have ended, the latest first
         * @description Kinds: connector_disconnected, action_disconnected, station_not_running, tier_not_running; behind the slash stands of which one. They are looked for every five seconds.
         *
         *     Role: administrator or viewer.
         */
        get: operations["get_api_v5_alarms"];
        put?: never;
        post?: never;
        /**
         * Forgets the alarms that have ended
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_alarms"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/logs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The last lines of the log, the newest first
         * @description A thousand are kept, each cut after 1 kB. Which levels there are is log.level's affair. missed: lines that were not kept since the start, because the ring was busy.
         *
         *     Role: administrator or viewer.
         */
        get: operations["get_api_v5_logs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/listeners": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Where MQTT clients connect
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_listeners"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/clients/{clientid}/subscriptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What a client subscribes
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_clients_clientid_subscriptions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/clients/{clientid}/subscribe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Subscribes for a client, within its rights
         * @description Role: administrator.
         */
        post: operations["post_api_v5_clients_clientid_subscribe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/clients/{clientid}/subscribe/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Subscribes to several for a client; it ends with the first that is refused
         * @description Role: administrator.
         */
        post: operations["post_api_v5_clients_clientid_subscribe_bulk"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/clients/{clientid}/unsubscribe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Unsubscribes for a client
         * @description Role: administrator.
         */
        post: operations["post_api_v5_clients_clientid_unsubscribe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/clients/{clientid}/unsubscribe/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Unsubscribes from several for a client
         * @description Role: administrator.
         */
        post: operations["post_api_v5_clients_clientid_unsubscribe_bulk"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/subscriptions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Subscriptions of all clients
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_subscriptions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/topics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Topic filters that somebody subscribes
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_topics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/topics/{topic}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Whether somebody subscribes this topic filter
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_topics_topic"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/publish": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Publishes a message; answers when those who keep it have it on disk
         * @description 202 instead of 200: published, but nobody subscribes the topic.
         *
         *     Role: administrator or publisher.
         */
        post: operations["post_api_v5_publish"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/publish/bulk": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Publishes messages in their order; the status is that of the worst
         * @description Role: administrator or publisher.
         */
        post: operations["post_api_v5_publish_bulk"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/mqtt/retainer/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Retained messages, without their payloads
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_mqtt_retainer_messages"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/mqtt/retainer/message/{topic}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The retained message of a topic; its payload in base64
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_mqtt_retainer_message_topic"];
        put?: never;
        post?: never;
        /**
         * Removes the retained message of a topic
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_mqtt_retainer_message_topic"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Stations, by name
         * @description Role: administrator, viewer or consumer.
         */
        get: operations["get_api_v5_stations"];
        put?: never;
        /**
         * Creates a station; what is not said is as by default
         * @description A state in the object is passed over, so that one that was read can be sent.
         *
         *     Role: administrator.
         */
        post: operations["post_api_v5_stations"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One station, with its state
         * @description Role: administrator, viewer or consumer.
         */
        get: operations["get_api_v5_stations_name"];
        /**
         * Changes what the object has, all but the name
         * @description Role: administrator.
         */
        put: operations["put_api_v5_stations_name"];
        post?: never;
        /**
         * Deletes a station with all that it holds
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_stations_name"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/purge": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Removes all messages; offsets go on
         * @description Role: administrator.
         */
        post: operations["post_api_v5_stations_name_purge"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/groups": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The consumer groups of a station
         * @description Role: administrator, viewer or consumer.
         */
        get: operations["get_api_v5_stations_name_groups"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/groups/{group}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One group: position, lag, in flight
         * @description Role: administrator, viewer or consumer.
         */
        get: operations["get_api_v5_stations_name_groups_group"];
        put?: never;
        post?: never;
        /**
         * Forgets a group and its position
         * @description One with members starts anew for them by force, where their subscriptions say.
         *
         *     Role: administrator.
         */
        delete: operations["delete_api_v5_stations_name_groups_group"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/messages": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Reads a station, as a stream: an object a line
         * @description The header Varve-From-Offset of the answer tells where it begins. csv: with a headline; raw: the payloads, each with a line feed behind. A client goes on at offset:N, N the last offset plus 1. An answer that is cut off has not been finished.
         *
         *     Role: administrator, viewer or consumer.
         */
        get: operations["get_api_v5_stations_name_messages"];
        put?: never;
        /**
         * Stores messages in a station; answers when they are durable
         * @description One body is one message, with its topic in the query. As application/x-ndjson each line is one (schema station_produce), stored in their order; a line that is none is answered with its error, and the others are stored: 207. Subscribers of topics do not get them; readers and groups of the station do. At most 10,000 lines and 8 MiB.
         *
         *     Role: administrator or publisher.
         */
        post: operations["post_api_v5_stations_name_messages"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/groups/{group}/fetch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes messages as a member of a group; made if there is none
         * @description Each is to be acknowledged within ack_wait, or comes again.
         *
         *     Role: administrator or consumer.
         */
        post: operations["post_api_v5_stations_name_groups_group_fetch"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/groups/{group}/ack": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Acknowledges messages of a group, or gives them back
         * @description Those of `nack` are delivered again at once. What is settled already is not counted.
         *
         *     Role: administrator or consumer.
         */
        post: operations["post_api_v5_stations_name_groups_group_ack"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/tier": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The second tier: what both tiers have, how far migration is, and how it goes
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_stations_name_tier"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/tier/flush": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Migrates what is expelled by now: a job that ends when it is committed
         * @description Role: administrator.
         */
        post: operations["post_api_v5_stations_name_tier_flush"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Brings messages back from the store: to local disk, or into a new station
         * @description Without `into` the data files of the range are kept on local disk and read from there. With it a new station gets all messages of the range, with their offsets, times and bytes.
         *
         *     Role: administrator.
         */
        post: operations["post_api_v5_stations_name_restore"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/tier/release": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Removes from local disk what was restored there; it is read from the store again
         * @description Role: administrator.
         */
        post: operations["post_api_v5_stations_name_tier_release"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/tier/scrub": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Reads and checks every data file of the table
         * @description Role: administrator.
         */
        post: operations["post_api_v5_stations_name_tier_scrub"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/recover": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Makes stations again from their tables in a store
         * @description Those named, or all below the prefix. With dry_run: tells what would be made.
         *
         *     Role: administrator.
         */
        post: operations["post_api_v5_stations_recover"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/tier/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The data files of the table, in the order of their offsets
         * @description With the places that another reader of the table needs. Known without asking the store: location and metadata are null until the table has been looked at.
         *
         *     Role: administrator or viewer.
         */
        get: operations["get_api_v5_stations_name_tier_files"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/stations/{name}/groups/{group}/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Lets a group begin anew at another place
         * @description What it has acknowledged is forgotten; nothing is delivered, and no dead letter made, by the reset itself.
         *
         *     Role: administrator.
         */
        post: operations["post_api_v5_stations_name_groups_group_reset"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/jobs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Jobs that run, and those that have ended lately
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_jobs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/jobs/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One job: its state and how far it is
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_jobs_id"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/connectors": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All connectors, without their secrets, by id
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_connectors"];
        put?: never;
        /**
         * Creates a connector
         * @description Its id is type:name. The answer waits for the store, at most resource_opts.start_timeout. A secret is itself, file:///path or env:NAME.
         *
         *     Role: administrator.
         */
        post: operations["post_api_v5_connectors"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/connectors/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One connector, with its state
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_connectors_id"];
        /**
         * Changes the keys that are given, those of inner objects too
         * @description null sets a key back to its default; ****** keeps a secret. Requests under way end on the former store.
         *
         *     Role: administrator.
         */
        put: operations["put_api_v5_connectors_id"];
        post?: never;
        /**
         * Deletes a connector that nobody uses
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_connectors_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/connectors/{id}/enable/{enable}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Enables (true) or disables (false) a connector
         * @description Role: administrator.
         */
        put: operations["put_api_v5_connectors_id_enable_enable"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/connectors/{id}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Opens the store anew and waits for its answer
         * @description Role: administrator.
         */
        post: operations["post_api_v5_connectors_id_start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/nodes/{node}/connectors/{id}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * The same: there is one node
         * @description Role: administrator.
         */
        post: operations["post_api_v5_nodes_node_connectors_id_start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/connectors/{id}/probe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tries everything that a store has to honour: writes, reads, conditions, checksums, deletes
         * @description Below <prefix>.varve-probe-<random>/ in the bucket, which is cleaned up.
         *
         *     Role: administrator.
         */
        post: operations["post_api_v5_connectors_id_probe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/connectors_probe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Whether such a connector would be connected; nothing is created
         * @description ****** stands for the secret of the connector of this type and name, if there is one.
         *
         *     Role: administrator.
         */
        post: operations["post_api_v5_connectors_probe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/actions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All actions, by id
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_actions"];
        put?: never;
        /**
         * Creates an action
         * @description Its id is type:name. In mode direct bucket, key, content, content_type and headers are templates; in mode aggregated key is one of action, node, sequence and times.
         *
         *     Role: administrator.
         */
        post: operations["post_api_v5_actions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/actions/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One action, with its state
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_actions_id"];
        /**
         * Changes the keys that are given; what is buffered stays
         * @description Role: administrator.
         */
        put: operations["put_api_v5_actions_id"];
        post?: never;
        /**
         * Deletes an action that no rule uses
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_actions_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/actions/{id}/enable/{enable}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Enables (true) or disables (false) an action; what is buffered waits
         * @description Role: administrator.
         */
        put: operations["put_api_v5_actions_id_enable_enable"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/actions/{id}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tries the store now, instead of when its pause is over
         * @description Role: administrator.
         */
        post: operations["post_api_v5_actions_id_start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/nodes/{node}/actions/{id}/start": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * The same: there is one node
         * @description Role: administrator.
         */
        post: operations["post_api_v5_nodes_node_actions_id_start"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/actions_probe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Whether such an action would work; nothing is created
         * @description Reads it as a creation does, and looks at its bucket in its connector's store; of a bucket with placeholders at the connector's own.
         *
         *     Role: administrator.
         */
        post: operations["post_api_v5_actions_probe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/actions/{id}/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What an action has done since the start, or the last reset
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_actions_id_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/actions/{id}/monitor": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Figures of an action over the last hour, every ten seconds
         * @description buffered is what waits or is on its way; stored and failed (with what was dropped) are what came in the ten seconds before. Since the start of the broker; of the first 256 actions.
         *
         *     Role: administrator or viewer.
         */
        get: operations["get_api_v5_actions_id_monitor"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/actions/{id}/metrics/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Counts from zero
         * @description Role: administrator.
         */
        put: operations["put_api_v5_actions_id_metrics_reset"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/actions_summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * All actions in few words
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_actions_summary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/action_types": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The types that there are
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_action_types"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/sources": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * None: EMQX's clients ask for them. What a rule listens to is in its FROM
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_sources"];
        put?: never;
        /**
         * Refused: there is no type of source
         * @description Role: administrator.
         */
        post: operations["post_api_v5_sources"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/sources_probe": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Refused, likewise
         * @description Role: administrator.
         */
        post: operations["post_api_v5_sources_probe"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/sources_summary": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * None, likewise
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_sources_summary"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/source_types": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * None, likewise
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_source_types"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/rules": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Rules, by id
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_rules"];
        put?: never;
        /**
         * Creates a rule; without an id it gets one
         * @description Role: administrator.
         */
        post: operations["post_api_v5_rules"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/rules/{id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * One rule
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_rules_id"];
        /**
         * Changes the keys that are given; no message is lost or taken twice meanwhile
         * @description Role: administrator.
         */
        put: operations["put_api_v5_rules_id"];
        post?: never;
        /**
         * Deletes a rule
         * @description Role: administrator.
         */
        delete: operations["delete_api_v5_rules_id"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/rules/{id}/metrics": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What a rule has done since the start, or the last reset
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_rules_id_metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/rules/{id}/metrics/reset": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Counts from zero
         * @description Role: administrator.
         */
        put: operations["put_api_v5_rules_id_metrics_reset"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/rules/{id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Evaluates the rule over an example; its actions are not run
         * @description Role: administrator.
         */
        post: operations["post_api_v5_rules_id_test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/rule_test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Evaluates a statement over an example
         * @description context names the event and sets columns; the others get examples. The answer is what is selected; of FOREACH a list.
         *
         *     Role: administrator.
         */
        post: operations["post_api_v5_rule_test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/rule_engine": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * What holds for all rules
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_rule_engine"];
        /**
         * Changes what holds for all rules
         * @description Keys that are not given stay; null lets varve.yaml count again. Kept over restarts.
         *
         *     Role: administrator.
         */
        put: operations["put_api_v5_rule_engine"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/rule_events": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The events that FROM can name, with their columns and examples
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_rule_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/v5/rule_functions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * The functions of the rule language, as the evaluator knows them
         * @description Role: administrator or viewer.
         */
        get: operations["get_api_v5_rule_functions"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        mqtt_user: {
            user_id: string;
            is_superuser?: boolean;
        };
        ban: {
            /** @enum {string} */
            as: "clientid" | "username" | "peerhost" | "peerhost_net";
            who: string;
            reason?: string;
            /**
             * @description RFC 3339, seconds since 1970, or infinity
             * @default infinity
             */
            until: string | number;
            /** @description taken, and not kept */
            by?: string;
            /** @description taken, and not kept */
            at?: string | number;
        };
        acl_rule: {
            topic: string;
            /** @enum {string} */
            permission: "allow" | "deny";
            /**
             * @default all
             * @enum {string}
             */
            action: "publish" | "subscribe" | "all";
        };
        acl_of_user: {
            username: string;
            rules: components["schemas"]["acl_rule"][];
        };
        acl_of_client: {
            clientid: string;
            rules: components["schemas"]["acl_rule"][];
        };
        dashboard_user: {
            username: string;
            /** @enum {string} */
            role: "administrator" | "viewer";
            description?: string;
            /** @enum {string} */
            backend?: "local";
        };
        api_key: {
            name: string;
            api_key: string;
            enable: boolean;
            /** @description RFC 3339, or infinity */
            expired_at?: string;
            expired?: boolean;
            created_at?: string;
            desc?: string;
            /** @enum {string} */
            role: "administrator" | "viewer" | "publisher" | "consumer";
            /** @description in the answer to its creation alone */
            api_secret?: string;
        };
        list_meta: {
            page?: number;
            limit?: number;
            /** @description of all pages; absent: not known */
            count?: number;
            hasnext?: boolean;
        };
        stats: {
            node?: string;
            "connections.count"?: number;
            "live_connections.count"?: number;
            "sessions.count"?: number;
            "channels.count"?: number;
            "subscriptions.count"?: number;
            "subscriptions.shared.count"?: number;
            "retained.count"?: number;
            "queued_messages.count"?: number;
            "stations.count"?: number;
            "stations.not_running.count"?: number;
            "stations.messages.count"?: number;
            "stations.bytes"?: number;
            "stations.disk_bytes"?: number;
            "stations.groups.count"?: number;
            "stations.readers.count"?: number;
        };
        metrics: {
            node?: string;
            "client.connected"?: number;
            "bytes.received"?: number;
            "bytes.sent"?: number;
            "packets.received"?: number;
            "packets.publish.received"?: number;
            "packets.publish.sent"?: number;
            "messages.received"?: number;
            "messages.sent"?: number;
            "messages.dropped"?: number;
            "messages.retained"?: number;
            "authentication.failure"?: number;
            "authorization.deny"?: number;
        };
        client: {
            clientid: string;
            username?: string | null;
            connected: boolean;
            ip_address?: string;
            port?: number;
            /** @example tcp:default */
            listener?: string;
            proto_name?: string;
            proto_ver?: number;
            keepalive?: number;
            clean_start?: boolean;
            is_bridge?: boolean;
            is_superuser?: boolean;
            is_tls?: boolean;
            /** @description seconds; 4294967295: never */
            expiry_interval?: number;
            created_at: string;
            connected_at?: string;
            disconnected_at?: string;
            subscriptions_cnt?: number;
            subscriptions_max?: number | string;
            inflight_cnt?: number;
            inflight_max?: number;
            mqueue_len?: number;
            mqueue_bytes?: number;
            mqueue_max?: number | string;
            awaiting_rel_cnt?: number;
            awaiting_rel_max?: number;
            node?: string;
        };
        monitor_sample: {
            time_stamp: number;
            connections: number;
            live_connections: number;
            sessions: number;
            subscriptions: number;
            retained_msg_count: number;
            queued_messages: number;
            stations: number;
            tier_lag_messages: number;
            tier_lag_bytes: number;
            tier_lag_ms: number;
            received: number;
            sent: number;
            dropped: number;
            received_bytes: number;
            sent_bytes: number;
            stored: number;
        };
        monitor_current: {
            time_stamp: number;
            connections: number;
            live_connections: number;
            sessions: number;
            subscriptions: number;
            retained_msg_count: number;
            queued_messages: number;
            stations: number;
            tier_lag_messages: number;
            tier_lag_bytes: number;
            tier_lag_ms: number;
            received_msg_rate: number;
            sent_msg_rate: number;
            dropped_msg_rate: number;
            received_bytes_rate: number;
            sent_bytes_rate: number;
            uptime_ms: number;
        };
        alarm: {
            /** @example connector_disconnected/s3:main */
            name: string;
            message: string;
            activated: boolean;
            activate_at: string;
            deactivate_at?: string;
            /** @description ms */
            duration: number;
            node?: string;
            details?: {
                /** @example connector_disconnected */
                kind?: string;
                /** @example s3:main */
                id?: string;
            };
        };
        subscription: {
            clientid: string;
            topic: string;
            qos: number;
            nl?: number;
            rap?: number;
            rh?: number;
            /** @description its subscription identifier */
            subid?: number;
            /** @description survives a restart */
            durable?: boolean;
            node?: string;
        };
        subscribe: {
            topic: string;
            /** @default 0 */
            qos: number;
            /**
             * @description no local
             * @default 0
             */
            nl: number;
            /**
             * @description retain as published
             * @default 0
             */
            rap: number;
            /**
             * @description retain handling
             * @default 0
             */
            rh: number;
        };
        unsubscribe: {
            topic: string;
        };
        publish: {
            topic: string;
            payload: string;
            /**
             * @default plain
             * @enum {string}
             */
            payload_encoding: "plain" | "base64";
            /** @default 0 */
            qos: number;
            /** @default false */
            retain: boolean;
            /** @description in whose name */
            clientid?: string;
            properties?: {
                payload_format_indicator?: number;
                message_expiry_interval?: number;
                response_topic?: string;
                correlation_data?: string;
                correlation_data_base64?: string;
                content_type?: string;
                user_properties?: {
                    [key: string]: string | string[];
                };
            };
        };
        station_new: {
            /** @description 1 to 128 of a-z 0-9 _ . -; upper case is lowered */
            name: string;
            description?: string;
            /** @description topic filters; none: produced messages alone */
            topics?: string[];
            /** @description what is beyond one of them goes */
            retention?: {
                /**
                 * @description 7d, 1h30m, 250ms; a number: ms
                 * @default 7d
                 */
                age: string | number;
                /**
                 * @description 32MiB, 64KB; a number: bytes
                 * @default 0
                 */
                bytes: string | number;
                /** @default 0 */
                messages: number;
                /**
                 * @description what all groups have acknowledged goes
                 * @default false
                 */
                acked: boolean;
            };
            /**
             * @description commit, none, or an interval such as 100ms
             * @default commit
             */
            sync: string;
            /**
             * @description of what lies on disk
             * @default none
             * @enum {string}
             */
            compression: "none" | "zstd";
            /**
             * @description 7d, 1h30m, 250ms; a number: ms
             * @default 2m
             */
            dedup_window: string | number;
            /**
             * @description 7d, 1h30m, 250ms; a number: ms
             * @default 30s
             */
            ack_wait: string | number;
            /** @default 10 */
            max_deliveries: number;
            /** @default 1000 */
            max_ack_pending: number;
            /**
             * @description 32MiB, 64KB; a number: bytes
             * @default 1MiB
             */
            max_message_bytes: string | number;
            tier?: {
                /** @default false */
                enabled: boolean;
                connector?: string;
                bucket?: string;
                prefix?: string;
                /**
                 * @description 32MiB, 64KB; a number: bytes
                 * @default 32MiB
                 */
                upload_bytes: string | number;
                /**
                 * @description 7d, 1h30m, 250ms; a number: ms
                 * @default 5m
                 */
                upload_interval: string | number;
                /**
                 * @description 7d, 1h30m, 250ms; a number: ms
                 * @default 0
                 */
                retention_age: string | number;
                /**
                 * @description 7d, 1h30m, 250ms; a number: ms
                 * @default 7d
                 */
                scrub_interval: string | number;
                /**
                 * @description 32MiB, 64KB; a number: bytes
                 * @default 10GiB
                 */
                disk_budget: string | number;
                /**
                 * @description block or drop_oldest
                 * @default block
                 */
                when_full: string;
            };
        };
        station_change: {
            /** @description the same */
            name?: string;
            description?: string;
            /** @description topic filters; none: produced messages alone */
            topics?: string[];
            /** @description what is beyond one of them goes */
            retention?: {
                /**
                 * @description 7d, 1h30m, 250ms; a number: ms
                 * @default 7d
                 */
                age: string | number;
                /**
                 * @description 32MiB, 64KB; a number: bytes
                 * @default 0
                 */
                bytes: string | number;
                /** @default 0 */
                messages: number;
                /**
                 * @description what all groups have acknowledged goes
                 * @default false
                 */
                acked: boolean;
            };
            /**
             * @description commit, none, or an interval such as 100ms
             * @default commit
             */
            sync: string;
            /**
             * @description of what lies on disk
             * @default none
             * @enum {string}
             */
            compression: "none" | "zstd";
            /**
             * @description 7d, 1h30m, 250ms; a number: ms
             * @default 2m
             */
            dedup_window: string | number;
            /**
             * @description 7d, 1h30m, 250ms; a number: ms
             * @default 30s
             */
            ack_wait: string | number;
            /** @default 10 */
            max_deliveries: number;
            /** @default 1000 */
            max_ack_pending: number;
            /**
             * @description 32MiB, 64KB; a number: bytes
             * @default 1MiB
             */
            max_message_bytes: string | number;
            tier?: {
                /** @default false */
                enabled: boolean;
                connector?: string;
                bucket?: string;
                prefix?: string;
                /**
                 * @description 32MiB, 64KB; a number: bytes
                 * @default 32MiB
                 */
                upload_bytes: string | number;
                /**
                 * @description 7d, 1h30m, 250ms; a number: ms
                 * @default 5m
                 */
                upload_interval: string | number;
                /**
                 * @description 7d, 1h30m, 250ms; a number: ms
                 * @default 0
                 */
                retention_age: string | number;
                /**
                 * @description 7d, 1h30m, 250ms; a number: ms
                 * @default 7d
                 */
                scrub_interval: string | number;
                /**
                 * @description 32MiB, 64KB; a number: bytes
                 * @default 10GiB
                 */
                disk_budget: string | number;
                /**
                 * @description block or drop_oldest
                 * @default block
                 */
                when_full: string;
            };
        };
        station: {
            name: string;
            description: string;
            /** @description topic filters; none: produced messages alone */
            topics: string[];
            /** @description what is beyond one of them goes */
            retention: {
                /**
                 * @description 7d, 1h30m, 250ms; a number: ms
                 * @default 7d
                 */
                age: string | number;
                /**
                 * @description 32MiB, 64KB; a number: bytes
                 * @default 0
                 */
                bytes: string | number;
                /** @default 0 */
                messages: number;
                /**
                 * @description what all groups have acknowledged goes
                 * @default false
                 */
                acked: boolean;
            };
            /**
             * @description commit, none, or an interval such as 100ms
             * @default commit
             */
            sync: string;
            /**
             * @description of what lies on disk
             * @default none
             * @enum {string}
             */
            compression: "none" | "zstd";
            /**
             * @description 7d, 1h30m, 250ms; a number: ms
             * @default 2m
             */
            dedup_window: string | number;
            /**
             * @description 7d, 1h30m, 250ms; a number: ms
             * @default 30s
             */
            ack_wait: string | number;
            /** @default 10 */
            max_deliveries: number;
            /** @default 1000 */
            max_ack_pending: number;
            /**
             * @description 32MiB, 64KB; a number: bytes
             * @default 1MiB
             */
            max_message_bytes: string | number;
            tier: {
                /** @default false */
                enabled: boolean;
                connector?: string;
                bucket?: string;
                prefix?: string;
                /**
                 * @description 32MiB, 64KB; a number: bytes
                 * @default 32MiB
                 */
                upload_bytes: string | number;
                /**
                 * @description 7d, 1h30m, 250ms; a number: ms
                 * @default 5m
                 */
                upload_interval: string | number;
                /**
                 * @description 7d, 1h30m, 250ms; a number: ms
                 * @default 0
                 */
                retention_age: string | number;
                /**
                 * @description 7d, 1h30m, 250ms; a number: ms
                 * @default 7d
                 */
                scrub_interval: string | number;
                /**
                 * @description 32MiB, 64KB; a number: bytes
                 * @default 10GiB
                 */
                disk_budget: string | number;
                /**
                 * @description block or drop_oldest
                 * @default block
                 */
                when_full: string;
            };
            state: {
                /** @enum {string} */
                status: "running" | "read_only" | "failed";
                error?: string | null;
                /** @description it runs, but is worth a look */
                warning?: string | null;
                messages: number;
                bytes: number;
                disk_bytes: number;
                segments?: number;
                first_offset: number;
                next_offset: number;
                /** Format: date-time */
                first_time?: string | null;
                /** Format: date-time */
                last_time?: string | null;
                /** @description since the start, as the next three */
                messages_in: number;
                bytes_in?: number;
                duplicates?: number;
                refused?: number;
                /** @description messages in the last second */
                rate_in: number;
                rate_bytes_in: number;
                readers: number;
                groups: number;
                /** @description who needs it */
                uses: string[];
                /** @description null: it has none */
                tier?: {
                    /** @enum {string} */
                    status: "opening" | "running" | "waiting" | "fenced" | "failed";
                    error?: string | null;
                    messages: number;
                    files: number;
                    stored_bytes: number;
                    /** @description expelled and not committed */
                    lag_messages: number;
                    lag_bytes: number;
                    lag_seconds: number;
                } | null;
            };
        };
        station_group: {
            name: string;
            filter: string;
            /** @description every message below is acknowledged */
            acked_offset: number;
            /** @description the next to be delivered for the first time */
            next_offset: number;
            in_flight: number;
            /** @description messages not acknowledged */
            lag: number;
            /** @description since the start, as the next three */
            delivered: number;
            redelivered: number;
            acknowledged: number;
            dead_letters: number;
            members: number;
        };
        station_message: {
            offset: number;
            /** @description ms since 1970 */
            timestamp: number;
            topic: string;
            qos: number;
            retain: boolean;
            /** @description if it is UTF-8 */
            payload?: string;
            /**
             * Format: byte
             * @description else
             */
            payload_base64?: string;
            clientid?: string;
            username?: string;
            id?: string;
            headers?: {
                [key: string]: string | string[];
            };
            properties?: {
                payload_format_indicator?: number;
                message_expiry_interval?: number;
                response_topic?: string;
                correlation_data?: string;
                correlation_data_base64?: string;
                content_type?: string;
                user_properties?: {
                    [key: string]: string | string[];
                };
            };
            /** @description by a group, this one included */
            deliveries?: number;
        };
        station_produce: {
            topic: string;
            payload?: string;
            /** Format: byte */
            payload_base64?: string;
            id?: string;
            qos?: number;
            retain?: boolean;
            clientid?: string;
            headers?: {
                [key: string]: string | string[];
            };
            properties?: {
                payload_format_indicator?: number;
                message_expiry_interval?: number;
                response_topic?: string;
                correlation_data?: string;
                correlation_data_base64?: string;
                content_type?: string;
                user_properties?: {
                    [key: string]: string | string[];
                };
            };
            /** @description passed over, as the next three */
            offset?: unknown;
            timestamp?: unknown;
            username?: unknown;
            deliveries?: unknown;
        };
        station_tier_requests: {
            ok: number;
            failed: number;
            /** @description attempts but the first */
            retries: number;
        };
        station_tier: {
            enabled: boolean;
            connector?: string;
            bucket?: string;
            prefix?: string;
            /** @enum {string} */
            status: "off" | "opening" | "running" | "waiting" | "fenced" | "failed";
            error?: string | null;
            error_code?: string | null;
            hint?: string | null;
            error_at?: string | null;
            retry_at?: string | null;
            /** @description what the log has */
            disk: {
                first_offset: number;
                next_offset: number;
                messages: number;
                bytes: number;
                first_time?: string | null;
                last_time?: string | null;
            };
            /** @description what the table has */
            table?: {
                first_offset?: number | null;
                next_offset?: number | null;
                messages?: number;
                bytes?: number;
                first_time?: string | null;
                files?: number;
                stored_bytes?: number;
                snapshot_id?: number | null;
                metadata_version?: number | null;
            };
            committed_offset?: number | null;
            /** @description the last one that retention has passed */
            expelled_offset?: number | null;
            epoch?: number | null;
            /** @description expelled and not committed */
            lag?: {
                messages?: number;
                bytes?: number;
                seconds?: number;
            };
            /** @description what waits fills disk_budget: publishers wait */
            full?: boolean;
            /** @description messages that the disk has given up, since the start; an upload under way may have had some: those are in the table */
            given_up?: number;
            /** @description messages that the table says were given up */
            missing?: number;
            /** @description rows = committed - first + 1 - missing */
            complete?: boolean;
            /** @enum {string} */
            guarantee?: "exactly_once" | "single_writer" | "unprobed";
            cost_month_usd?: number;
            /** @description since the start, as those that follow */
            commits?: number;
            migrated_messages?: number;
            migrated_bytes?: number;
            uploaded_bytes?: number;
            fetched_bytes?: number;
            puts?: number;
            gets?: number;
            failures?: number;
            cache_hits?: number;
            cache_misses?: number;
            scrubbed_files?: number;
            findings?: number;
            repaired?: number;
            /** @description to the store, that have ended, by kind */
            requests?: {
                put?: components["schemas"]["station_tier_requests"];
                get?: components["schemas"]["station_tier_requests"];
                head?: components["schemas"]["station_tier_requests"];
                delete_many?: components["schemas"]["station_tier_requests"];
                list?: components["schemas"]["station_tier_requests"];
            };
            scrub?: components["schemas"]["station_scrub"];
        };
        /** @description in the background, or on demand */
        station_scrub: {
            /** @description a round in the background is under way */
            running?: boolean;
            last_time?: string | null;
            last_files?: number | null;
            last_findings?: number | null;
            last_repaired?: number | null;
            next_time?: string | null;
        };
        station_tier_file: {
            first_offset: number;
            last_offset: number;
            messages: number;
            /** @description in the store */
            bytes: number;
            /** @description more than one: neighbours told as one entry */
            files: number;
            /** @description of the files, that have a copy on local disk */
            restored: number;
            /** Format: date-time */
            first_time?: string | null;
            /** Format: date-time */
            last_time?: string | null;
            /** @description absolute, of a single file */
            path?: string | null;
        };
        job: {
            job: string;
            kind: string;
            station?: string | null;
            /** @enum {string} */
            state: "running" | "succeeded" | "failed";
            done: number;
            /** @description 0: not known */
            total: number;
            started_at: string;
            ended_at?: string | null;
            error?: string | null;
            error_code?: string | null;
            hint?: string | null;
            result?: {
                [key: string]: unknown;
            };
        };
        connector_object: components["schemas"]["connector_s3"] | components["schemas"]["connector_directory"];
        connector_state: {
            /** @enum {string} */
            status?: "connected" | "connecting" | "disconnected";
            /** @description empty where it is connected */
            status_reason?: string;
            node_status?: {
                node?: string;
                /** @enum {string} */
                status?: "connected" | "connecting" | "disconnected";
                status_reason?: string;
            }[];
            /** @description names of the actions that use it */
            actions?: string[];
            /** @description all who use it: station:telemetry */
            uses?: string[];
            /** Format: date-time */
            created_at?: string;
            /** Format: date-time */
            last_modified_at?: string;
        };
        connector: components["schemas"]["connector_object"] & components["schemas"]["connector_state"];
        connector_probe: {
            usable?: boolean;
            /**
             * @description of what commits there
             * @enum {string}
             */
            guarantee?: "exactly_once" | "single_writer" | "unprobed";
            checks?: {
                name?: string;
                /** @enum {string} */
                result?: "ok" | "reduced" | "failed" | "skipped";
                text?: string;
                hint?: string;
            }[];
        };
        connector_s3: {
            type?: string;
            name?: string;
            /** @description of the store; or an endpoint */
            host?: string;
            /** @description default: 443, without TLS 80 */
            port?: number;
            /** @description a URL, instead of host and port */
            endpoint?: string;
            /** @description default: what the host's name says, else us-east-1 */
            region?: string;
            /** @description where nothing else is said; the health check looks at it */
            bucket?: string;
            /**
             * @description whether the bucket is in the path or in the host's name
             * @default path
             * @enum {string}
             */
            access_method: "path" | "vhost" | "auto";
            /** @description without keys: the environment, the shared file, or the machine's role */
            access_key_id?: string;
            /**
             * Format: password
             * @description itself, file:///path or env:NAME; shown as ******
             */
            secret_access_key?: string;
            /**
             * Format: password
             * @description of temporary keys, likewise
             */
            session_token?: string;
            /** @description of the shared file of credentials */
            profile?: string;
            /** @description connections and requests */
            transport_options?: {
                /** @description TLS */
                ssl?: {
                    /**
                     * @description HTTPS; an endpoint's URL says it itself
                     * @default true
                     */
                    enable: boolean;
                    /**
                     * @description whether the store has to prove who it is
                     * @default verify_peer
                     * @enum {string}
                     */
                    verify: "verify_peer" | "verify_none";
                    /** @description authorities, a PEM file; default: the system's */
                    cacertfile?: string;
                    /** @description a certificate of our own, a PEM file */
                    certfile?: string;
                    /** @description its key, a PEM file */
                    keyfile?: string;
                    /**
                     * Format: password
                     * @description of the key
                     */
                    password?: string;
                    /** @description the name that is asked for and checked; default: the host's */
                    server_name_indication?: string;
                    /**
                     * @description both: what the store offers decides
                     * @default [
                     *       "tlsv1.3",
                     *       "tlsv1.2"
                     *     ]
                     */
                    versions: ("tlsv1.3" | "tlsv1.2")[];
                    /**
                     * @description none: those of the TLS library
                     * @default []
                     */
                    ciphers: string[];
                    /**
                     * @description of no effect; taken because EMQX has it
                     * @default 10
                     */
                    depth: number;
                    /**
                     * @description of no effect; taken because EMQX has it
                     * @default true
                     */
                    secure_renegotiate: boolean;
                    /**
                     * @description of no effect; taken because EMQX has it
                     * @default true
                     */
                    reuse_sessions: boolean;
                    /**
                     * @description of no effect; taken because EMQX has it
                     * @default true
                     */
                    middlebox_comp_mode: boolean;
                    /**
                     * @description of no effect; taken because EMQX has it
                     * @default 5s
                     */
                    hibernate_after: string | number;
                    /**
                     * @description of no effect; taken because EMQX has it
                     * @default notice
                     */
                    log_level: string;
                };
                /**
                 * @description TCP and TLS
                 * @default 15s
                 */
                connect_timeout: string | number;
                /**
                 * @description the longest silence of one attempt
                 * @default 30s
                 */
                request_timeout: string | number;
                /**
                 * @description attempts of a request, but the first
                 * @default 2
                 */
                max_retries: number;
                /**
                 * @description connections, and so requests at a time
                 * @default 8
                 */
                pool_size: number;
                /**
                 * @description of every request
                 * @default {}
                 */
                headers: {
                    [key: string]: string;
                };
                /**
                 * @description a CRC-32C with each upload, for stores that check it
                 * @default false
                 */
                checksum: boolean;
                /**
                 * @description at most; 0: no limit
                 * @default 0
                 */
                requests_per_second: number;
                /**
                 * @description at most, up and down; 0: no limit
                 * @default 0
                 */
                bytes_per_second: string | number;
                /**
                 * @description of no effect; taken because EMQX has it: both kinds of address are tried
                 * @default false
                 */
                ipv6_probe: boolean;
                /**
                 * @description of no effect; taken because EMQX has it
                 * @default random
                 * @enum {string}
                 */
                pool_type: "random" | "hash";
                /**
                 * @description of no effect; taken because EMQX has it
                 * @default 0
                 */
                enable_pipelining: number;
            };
            /**
             * @description whether it may be used
             * @default true
             */
            enable: boolean;
            /**
             * @description for people
             * @default []
             */
            tags: string[];
            /**
             * @description a remark for people
             * @default
             */
            description: string;
            /** @description how the store is watched */
            resource_opts?: {
                /**
                 * @description between two looks at the store
                 * @default 15s
                 */
                health_check_interval: string | number;
                /**
                 * @description of one look
                 * @default 1m
                 */
                health_check_timeout: string | number;
                /**
                 * @description added to the interval, at random
                 * @default 0
                 */
                health_check_interval_jitter: string | number;
                /**
                 * @description whether it is opened as soon as it is created
                 * @default true
                 */
                start_after_created: boolean;
                /**
                 * @description how long an answer waits for the first look
                 * @default 5s
                 */
                start_timeout: string | number;
            };
        };
        connector_directory: {
            type?: string;
            name?: string;
            /** @description a directory; one that does not begin with / is in the data directory */
            path?: string;
            /** @description a directory below it, where nothing else is said */
            bucket?: string;
            /**
             * @description whether it may be used
             * @default true
             */
            enable: boolean;
            /**
             * @description for people
             * @default []
             */
            tags: string[];
            /**
             * @description a remark for people
             * @default
             */
            description: string;
            /** @description how the store is watched */
            resource_opts?: {
                /**
                 * @description between two looks at the store
                 * @default 15s
                 */
                health_check_interval: string | number;
                /**
                 * @description of one look
                 * @default 1m
                 */
                health_check_timeout: string | number;
                /**
                 * @description added to the interval, at random
                 * @default 0
                 */
                health_check_interval_jitter: string | number;
                /**
                 * @description whether it is opened as soon as it is created
                 * @default true
                 */
                start_after_created: boolean;
                /**
                 * @description how long an answer waits for the first look
                 * @default 5s
                 */
                start_timeout: string | number;
            };
        };
        action: components["schemas"]["action_object"] & {
            /** @enum {string} */
            status?: "connected" | "connecting" | "disconnected";
            /** @description empty where it is connected */
            status_reason?: string;
            node_status?: {
                node?: string;
                /** @enum {string} */
                status?: "connected" | "connecting" | "disconnected";
                status_reason?: string;
            }[];
            rules?: string[];
            /** Format: date-time */
            created_at?: string;
            /** Format: date-time */
            last_modified_at?: string;
        };
        action_summary: {
            type?: string;
            name?: string;
            connector?: string;
            description?: string;
            enable?: boolean;
            /** @enum {string} */
            status?: "connected" | "connecting" | "disconnected";
            node_status?: {
                node?: string;
                /** @enum {string} */
                status?: "connected" | "connecting" | "disconnected";
                status_reason?: string;
            }[];
            rules?: string[];
            /** Format: date-time */
            created_at?: string;
            /** Format: date-time */
            last_modified_at?: string;
        };
        /** @description matched = success + failed + dropped + inflight + queuing; of bytes those that are stored */
        action_figures: {
            matched?: number;
            success?: number;
            stored?: number;
            failed?: number;
            dropped?: number;
            "dropped.expired"?: number;
            "dropped.queue_full"?: number;
            "dropped.other"?: number;
            "dropped.resource_not_found"?: number;
            "dropped.resource_stopped"?: number;
            late_reply?: number;
            received?: number;
            "aggregated_upload.success"?: number;
            "aggregated_upload.failure"?: number;
            retried?: number;
            queuing?: number;
            buffered?: number;
            inflight?: number;
            queuing_bytes?: number;
            bytes?: number;
            rest_values?: number;
            "fallback.success"?: number;
            "fallback.failed"?: number;
            latency_ms?: number;
            rate?: number;
            rate_max?: number;
            rate_last5m?: number;
        };
        action_monitor_sample: {
            /** @description milliseconds since 1970 */
            time_stamp: number;
            buffered: number;
            stored: number;
            failed: number;
        };
        action_metrics: {
            metrics?: components["schemas"]["action_figures"];
            node_metrics?: {
                node?: string;
                metrics?: components["schemas"]["action_figures"];
            }[];
        };
        action_object: {
            type?: string;
            name?: string;
            /** @description its name, or its id: directory:local */
            connector?: string;
            /**
             * @description whether it takes messages
             * @default true
             */
            enable: boolean;
            /**
             * @description for people
             * @default []
             */
            tags: string[];
            /**
             * @description a remark for people
             * @default
             */
            description: string;
            /** @description what is written where */
            parameters?: {
                /**
                 * @description an object for each message, or for many
                 * @default direct
                 * @enum {string}
                 */
                mode?: "direct" | "aggregated";
                /**
                 * @description a template, aggregated: a name; default: that of the connector
                 * @default
                 */
                bucket?: string;
                /**
                 * @description of the object, a template; aggregated: of action, node, sequence, datetime.F, datetime_until.F; iceberg: the table's place
                 * @default
                 */
                key?: string;
                /**
                 * @description of the object, a template; ${.}: all that was selected, as JSON
                 * @default ${.}
                 */
                content?: string;
                /**
                 * @description of the object, if the bucket has such
                 * @enum {string}
                 */
                acl?: "private" | "public_read" | "public_read_write" | "authenticated_read" | "bucket_owner_read" | "bucket_owner_full_control";
                /**
                 * @description of the object, a template
                 * @default
                 */
                content_type?: string;
                /**
                 * @description of the request: templates, aggregated: texts
                 * @default {}
                 */
                headers?: {
                    [key: string]: string;
                };
                /** @description aggregated: the form of objects */
                container?: {
                    /**
                     * @description what an object of many messages is
                     * @default csv
                     * @enum {string}
                     */
                    type?: "csv" | "json_lines" | "parquet" | "iceberg";
                    /**
                     * @description csv: the first columns; the others come by name
                     * @default []
                     */
                    column_order?: string[];
                    /**
                     * @description of the object; parquet, iceberg: of its pages, zstd if nothing is said
                     * @enum {string}
                     */
                    compression?: "none" | "gzip" | "zstd" | "snappy";
                    /**
                     * @description parquet, iceberg: names to types; what is not there is inferred
                     * @default {}
                     */
                    columns?: {
                        [key: string]: string;
                    };
                    /** @description parquet, iceberg: the same as an Avro record */
                    schema?: {
                        /**
                         * @description how the columns are declared
                         * @enum {string}
                         */
                        type?: "avro_inline" | "avro_ref";
                        /**
                         * @description avro_inline: a record, as JSON
                         * @default
                         */
                        def?: string;
                        /**
                         * @description avro_ref: not offered
                         * @default
                         */
                        name?: string;
                    };
                    /**
                     * @description EMQX's name of compression
                     * @enum {string}
                     */
                    default_compression?: "none" | "gzip" | "zstd" | "snappy";
                    /**
                     * @description parquet, iceberg: before compression
                     * @default 128MiB
                     */
                    max_row_group_bytes?: string | number;
                    /**
                     * @description of no effect; taken because EMQX has it
                     * @default false
                     */
                    write_old_list_structure?: boolean;
                    /**
                     * @description of no effect; taken because EMQX has it
                     * @default false
                     */
                    enable_dictionary?: boolean;
                    /**
                     * @description of no effect; taken because EMQX has it
                     * @default 2
                     */
                    data_page_header_version?: number;
                };
                /** @description aggregated: when an object is whole */
                aggregation?: {
                    /**
                     * @description an object ends with it
                     * @default 30m
                     */
                    time_interval?: string | number;
                    /**
                     * @description of an object
                     * @default 100000
                     */
                    max_records?: number;
                    /**
                     * @description of an object: it ends once it has so many
                     * @default 64MiB
                     */
                    max_bytes?: string | number;
                };
                /**
                 * @description of no effect; taken because EMQX has it
                 * @default 5MiB
                 */
                min_part_size?: string | number;
                /**
                 * @description of no effect; taken because EMQX has it
                 * @default 5GiB
                 */
                max_part_size?: string | number;
            };
            /** @description how it is delivered */
            resource_opts?: {
                /**
                 * @description lanes: a client always has the same
                 * @default 16
                 */
                worker_pool_size: number;
                /**
                 * @description requests at a time; 1: one in each lane, so that the order of each client is strict
                 * @default 100
                 */
                inflight_window: number;
                /**
                 * @description what a publisher's acknowledgement waits for: the buffer, or the store
                 * @default async
                 * @enum {string}
                 */
                query_mode: "async" | "sync";
                /**
                 * @description how long a message is tried; infinity: until it is stored
                 * @default infinity
                 */
                request_ttl: string;
                /**
                 * @description of what waits, on disk
                 * @default 256MiB
                 */
                max_buffer_bytes: string | number;
                /**
                 * @description block refuses publishers (0x97, or no acknowledgement)
                 * @default drop_oldest
                 * @enum {string}
                 */
                buffer_full: "drop_oldest" | "block";
                /**
                 * @description between attempts while the store fails
                 * @default 15s
                 */
                health_check_interval: string | number;
                /**
                 * @description of no effect; taken because EMQX has it
                 * @default 0
                 */
                health_check_interval_jitter: string | number;
                /**
                 * @description of no effect; taken because EMQX has it
                 * @default 1m
                 */
                health_check_timeout: string | number;
                /**
                 * @description of no effect; taken because EMQX has it
                 * @default true
                 */
                start_after_created: boolean;
                /**
                 * @description of no effect; taken because EMQX has it
                 * @default 5s
                 */
                start_timeout: string | number;
                /**
                 * @description of no effect; taken because EMQX has it
                 * @default per_clientid
                 * @enum {string}
                 */
                dispatch_strategy: "per_clientid" | "random";
                /**
                 * @description of no effect; taken because EMQX has it
                 * @default 100
                 */
                batch_size: number;
                /**
                 * @description of no effect; taken because EMQX has it
                 * @default 10ms
                 */
                batch_time: string | number;
                /**
                 * @description the first pause after a failure
                 * @default 1s
                 */
                resume_interval: string | number;
            };
            /**
             * @description who gets a message that is given up: {kind: reference, type, name}, {kind: republish, args}
             * @default []
             */
            fallback_actions: {
                [key: string]: unknown;
            }[];
        };
        rule_object: {
            id?: string;
            name?: string;
            /** @description SELECT … FROM … WHERE …, or FOREACH … */
            sql?: string;
            /** @description ids of actions (s3:archive), and functions: {function: republish, args: {…}}, {function: console}, {function: station, args: {station: name}} */
            actions?: (string | {
                function?: string;
                args?: Record<string, never>;
            })[];
            enable?: boolean;
            description?: string;
            metadata?: Record<string, never>;
        };
        rule: {
            id?: string;
            name?: string;
            /** @description SELECT … FROM … WHERE …, or FOREACH … */
            sql?: string;
            /** @description ids of actions (s3:archive), and functions: {function: republish, args: {…}}, {function: console}, {function: station, args: {station: name}} */
            actions?: (string | {
                function?: string;
                args?: {
                    [key: string]: unknown;
                };
            })[];
            enable?: boolean;
            description?: string;
            metadata?: {
                [key: string]: unknown;
            };
            from?: string[];
            action_details?: {
                type?: string;
                name?: string;
                /** @enum {string} */
                status?: "connected" | "connecting" | "disconnected" | "not_found";
            }[];
            /** @enum {string} */
            status?: "running" | "disabled" | "failed";
            status_reason?: string;
            /** Format: date-time */
            created_at?: string;
            /** Format: date-time */
            last_modified_at?: string;
        };
        /** @description matched = passed + failed; actions.total = actions.success + actions.failed + actions.discarded */
        rule_figures: {
            matched?: number;
            passed?: number;
            failed?: number;
            "failed.exception"?: number;
            "failed.no_result"?: number;
            loops?: number;
            "actions.total"?: number;
            "actions.success"?: number;
            "actions.failed"?: number;
            "actions.failed.out_of_service"?: number;
            "actions.failed.unknown"?: number;
            "actions.discarded"?: number;
            "matched.rate"?: number;
            "matched.rate.max"?: number;
            "matched.rate.last5m"?: number;
        };
        rule_metrics: {
            id?: string;
            metrics?: components["schemas"]["rule_figures"];
            node_metrics?: {
                node?: string;
                metrics?: components["schemas"]["rule_figures"];
            }[];
        };
        rule_event: {
            /** @description the topic of FROM */
            event?: string;
            title?: string;
            /** @description of context in rule_test */
            event_type?: string;
            columns?: string[];
            test_columns?: {
                [key: string]: unknown;
            };
            sql_example?: string;
        };
        rule_function: {
            name: string;
            category: string;
            /** @description as people write them: text, start[, length] */
            parameters: string;
            args_min: number;
            /** @description absent: any number */
            args_max?: number;
            summary: string;
            /** @description an expression */
            example: string;
            /** @description what it gives, as JSON; absent where that varies */
            result?: string;
        };
        rule_engine: {
            /** @description whether messages under $SYS/ trigger no rule */
            ignore_sys_message?: boolean;
            /** @description of a call of jq() that names none */
            jq_function_default_timeout?: string | number;
            /** @description of kv_store_put(), over all rules */
            kv_store_max_bytes?: string | number;
        };
        error: {
            code?: string;
            message?: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    get_healthz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description SERVICE_UNAVAILABLE, SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_readyz: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description SERVICE_UNAVAILABLE, SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_openapi_json: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    };
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_metrics: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_prometheus_stats: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_authentication: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id?: string;
                        backend?: string;
                        mechanism?: string;
                        user_id_type?: string;
                        enable?: boolean;
                    }[];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_authentication_id_users: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
                /** @description a part of the name */
                like_user_id?: string;
                /** @description whether no rule applies to them */
                is_superuser?: boolean;
            };
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: components["schemas"]["mqtt_user"][];
                        meta?: components["schemas"]["list_meta"];
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_authentication_id_users: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    user_id: string;
                    password: string;
                    is_superuser?: boolean;
                };
            };
        };
        responses: {
            /** @description the answer */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["mqtt_user"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description ALREADY_EXISTS */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_authentication_id_users_user_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
                /** @description percent-encoded */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["mqtt_user"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_authentication_id_users_user_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
                /** @description percent-encoded */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    password?: string;
                    is_superuser?: boolean;
                };
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["mqtt_user"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_authentication_id_users_user_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
                /** @description percent-encoded */
                user_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_banned: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
                /** @description what is banned */
                as?: "clientid" | "username" | "peerhost" | "peerhost_net";
                /** @description a part of whom it bans */
                like_who?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: components["schemas"]["ban"][];
                        meta?: components["schemas"]["list_meta"];
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_banned: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ban"];
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ban"];
                };
            };
            /** @description ALREADY_EXISTS, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_banned: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_banned_as_who: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                as: string;
                /** @description percent-encoded */
                who: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_authorization_sources_built_in_database_rules_clients: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
                /** @description a part of the client id */
                like_clientid?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: components["schemas"]["acl_of_client"][];
                        meta?: components["schemas"]["list_meta"];
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_authorization_sources_built_in_database_rules_clients: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["acl_of_client"][];
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description ALREADY_EXISTS */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_authorization_sources_built_in_database_rules_clients_clientid: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                clientid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["acl_of_client"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_authorization_sources_built_in_database_rules_clients_clientid: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                clientid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    rules: components["schemas"]["acl_rule"][];
                };
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_authorization_sources_built_in_database_rules_clients_clientid: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                clientid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_authorization_sources_built_in_database_rules_users: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
                /** @description a part of the user name */
                like_username?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: components["schemas"]["acl_of_user"][];
                        meta?: components["schemas"]["list_meta"];
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_authorization_sources_built_in_database_rules_users: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["acl_of_user"][];
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description ALREADY_EXISTS */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_authorization_sources_built_in_database_rules_users_username: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                username: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["acl_of_user"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_authorization_sources_built_in_database_rules_users_username: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                username: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    rules: components["schemas"]["acl_rule"][];
                };
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_authorization_sources_built_in_database_rules_users_username: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                username: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_authorization_sources_built_in_database_rules_all: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        rules?: components["schemas"]["acl_rule"][];
                    };
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_authorization_sources_built_in_database_rules_all: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    rules: components["schemas"]["acl_rule"][];
                };
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_authorization_sources_built_in_database_rules_all: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_login: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    username: string;
                    password: string;
                    session?: boolean;
                };
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        token?: string;
                        session?: string;
                        username: string;
                        /** @enum {string} */
                        role: "administrator" | "viewer";
                        version: string;
                        license?: {
                            edition?: string;
                        };
                        initial_password?: boolean;
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description BAD_USERNAME_OR_PWD */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description TOO_MANY_REQUESTS */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_logout: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: {
            content: {
                "*/*": string;
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_users: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["dashboard_user"][];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_users: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    username: string;
                    password: string;
                    /**
                     * @default viewer
                     * @enum {string}
                     */
                    role?: "administrator" | "viewer";
                    description?: string;
                };
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["dashboard_user"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description ALREADY_EXISTS */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_users_username: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                username: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /**
                     * @default viewer
                     * @enum {string}
                     */
                    role?: "administrator" | "viewer";
                    description?: string;
                    username?: string;
                    backend?: string;
                };
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["dashboard_user"];
                };
            };
            /** @description NOT_ALLOWED, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description USER_NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_users_username: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                username: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description NOT_ALLOWED */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description USER_NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_users_username_change_pwd: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                username: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    old_pwd?: string;
                    new_pwd: string;
                };
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_USERNAME_OR_PWD, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_ALLOWED, UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description USER_NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description TOO_MANY_REQUESTS */
            429: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        username?: string;
                        key?: string;
                        /** @enum {string} */
                        role: "administrator" | "viewer" | "publisher" | "consumer";
                        version: string;
                        initial_password?: boolean;
                    };
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_api_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["api_key"][];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_api_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    name: string;
                    /** @default true */
                    enable?: boolean;
                    /**
                     * @description RFC 3339, ms since 1970, or infinity
                     * @default infinity
                     */
                    expired_at?: string | number;
                    desc?: string;
                    /**
                     * @default administrator
                     * @enum {string}
                     */
                    role?: "administrator" | "viewer" | "publisher" | "consumer";
                };
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["api_key"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description ALREADY_EXISTS */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_api_key_name: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["api_key"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_api_key_name: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @default true */
                    enable?: boolean;
                    /**
                     * @description RFC 3339, ms since 1970, or infinity
                     * @default infinity
                     */
                    expired_at?: string | number;
                    desc?: string;
                    /**
                     * @default administrator
                     * @enum {string}
                     */
                    role?: "administrator" | "viewer" | "publisher" | "consumer";
                };
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["api_key"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_api_key_name: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_stats: {
        parameters: {
            query?: {
                /** @description an object for all instead of a list by node */
                aggregate?: boolean;
                /** @description taken, and of no effect: there is one node */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["stats"][] | components["schemas"]["stats"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_metrics: {
        parameters: {
            query?: {
                /** @description an object for all instead of a list by node */
                aggregate?: boolean;
                /** @description taken, and of no effect: there is one node */
                node?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["metrics"][] | components["schemas"]["metrics"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_nodes: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        node?: string;
                        node_status?: string;
                        version?: string;
                        /** @description ms */
                        uptime?: number;
                        connections?: number;
                        live_connections?: number;
                        max_fds?: number;
                        role?: string;
                        edition?: string;
                        load1?: number;
                        load5?: number;
                        load15?: number;
                    }[];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_nodes_node: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                node: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        node?: string;
                        node_status?: string;
                        version?: string;
                        /** @description ms */
                        uptime?: number;
                        connections?: number;
                        live_connections?: number;
                        max_fds?: number;
                        role?: string;
                        edition?: string;
                        load1?: number;
                        load5?: number;
                        load15?: number;
                    };
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_status: {
        parameters: {
            query?: {
                /** @description default: text */
                format?: "json" | "text";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_status: {
        parameters: {
            query?: {
                /** @description default: text */
                format?: "json" | "text";
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_clients: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
                /** @description taken, and of no effect: there is one node */
                node?: string;
                /** @description exactly; may be given more than once */
                clientid?: string[];
                /** @description exactly; may be given more than once */
                username?: string[];
                /** @description exactly, without a port */
                ip_address?: string;
                /** @description connected, or a session alone */
                conn_state?: "connected" | "idle" | "disconnected";
                /** @description as CONNECT said */
                clean_start?: boolean;
                /** @description 3, 4 or 5 */
                proto_ver?: number;
                /** @description a part of the client id */
                like_clientid?: string;
                /** @description a part of the user name */
                like_username?: string;
                /** @description sessions since then */
                gte_created_at?: string;
                /** @description sessions until then */
                lte_created_at?: string;
                /** @description connected since then */
                gte_connected_at?: string;
                /** @description connected until then */
                lte_connected_at?: string;
                /** @description names, with commas: no more than these; all */
                fields?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: components["schemas"]["client"][];
                        meta?: {
                            page?: number;
                            limit?: number;
                            count?: number;
                            hasnext?: boolean;
                        };
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_clients_clientid: {
        parameters: {
            query?: {
                /** @description names, with commas: no more than these; all */
                fields?: string;
            };
            header?: never;
            path: {
                /** @description percent-encoded */
                clientid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["client"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description CLIENTID_NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_clients_clientid: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                clientid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description CLIENTID_NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_clients_kickout_bulk: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": string[];
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_monitor: {
        parameters: {
            query?: {
                /** @description seconds; default 3600 */
                latest?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["monitor_sample"][];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_monitor_current: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["monitor_current"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_alarms: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
                /** @description those that go on, or those that have ended; default: both */
                activated?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: components["schemas"]["alarm"][];
                        meta?: components["schemas"]["list_meta"];
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_alarms: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_logs: {
        parameters: {
            query?: {
                /** @description this one and what is worse */
                level?: "debug" | "info" | "warning" | "error";
                /** @description lines; default 200 */
                limit?: number;
                /** @description those with a greater number */
                after?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data: {
                            number: number;
                            time: string;
                            /** @enum {string} */
                            level: "debug" | "info" | "warning" | "error";
                            message: string;
                        }[];
                        missed: number;
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_listeners: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @example ws:default */
                        id: string;
                        /** @enum {string} */
                        type: "tcp" | "ssl" | "ws" | "wss";
                        name: string;
                        /** @description address and port, as bound */
                        bind: string;
                        enable?: boolean;
                        /** @description of a WebSocket */
                        path?: string;
                        status?: {
                            running?: boolean;
                        };
                    }[];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_clients_clientid_subscriptions: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                clientid: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["subscription"][];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description CLIENTID_NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_clients_clientid_subscribe: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                clientid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["subscribe"];
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["subscription"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_ALLOWED, UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description CLIENTID_NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_clients_clientid_subscribe_bulk: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                clientid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["subscribe"][];
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["subscription"][];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_ALLOWED, UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description CLIENTID_NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_clients_clientid_unsubscribe: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                clientid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["unsubscribe"];
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description CLIENTID_NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_clients_clientid_unsubscribe_bulk: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                clientid: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["unsubscribe"][];
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description CLIENTID_NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_subscriptions: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
                /** @description taken, and of no effect: there is one node */
                node?: string;
                /** @description exactly */
                clientid?: string;
                /** @description exactly this filter, with or without $share */
                topic?: string;
                /** @description filters that match this topic name */
                match_topic?: string;
                /** @description granted */
                qos?: number;
                /** @description of this group */
                share_group?: string;
                /** @description survives a restart */
                durable?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: components["schemas"]["subscription"][];
                        meta?: {
                            page?: number;
                            limit?: number;
                            count?: number;
                            hasnext?: boolean;
                        };
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_topics: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
                /** @description taken, and of no effect: there is one node */
                node?: string;
                /** @description exactly this filter */
                topic?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: {
                            topic: string;
                            node?: string;
                        }[];
                        meta?: {
                            page?: number;
                            limit?: number;
                            count?: number;
                            hasnext?: boolean;
                        };
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_topics_topic: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded; it may hold slashes */
                topic: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        topic: string;
                        node?: string;
                    }[];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description TOPIC_NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_publish: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["publish"];
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id?: string;
                        reason_code?: number;
                        message?: string;
                    };
                };
            };
            /** @description no_matching_subscribers */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_publish_bulk: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["publish"][];
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        id?: string;
                        reason_code?: number;
                        message?: string;
                    }[];
                };
            };
            /** @description no_matching_subscribers */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_mqtt_retainer_messages: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
                /** @description a topic filter that they match */
                topic?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: {
                            topic: string;
                            qos: number;
                            payload_bytes?: number;
                            expires_at?: string;
                            /** Format: byte */
                            payload?: string;
                            user_properties?: {
                                [key: string]: string | string[];
                            };
                        }[];
                        meta?: components["schemas"]["list_meta"];
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_mqtt_retainer_message_topic: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded; it may hold slashes */
                topic: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        topic: string;
                        qos: number;
                        payload_bytes?: number;
                        expires_at?: string;
                        /** Format: byte */
                        payload?: string;
                        user_properties?: {
                            [key: string]: string | string[];
                        };
                    };
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_mqtt_retainer_message_topic: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded; it may hold slashes */
                topic: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_stations: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
                /** @description a part of the name */
                like_name?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: components["schemas"]["station"][];
                        meta?: components["schemas"]["list_meta"];
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_stations: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["station_new"];
            };
        };
        responses: {
            /** @description the answer */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["station"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description ALREADY_EXISTS */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_stations_name: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["station"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_stations_name: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["station_change"];
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["station"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_stations_name: {
        parameters: {
            query?: {
                /** @description although somebody uses it, or is a member */
                force?: boolean;
                /** @description keep (default) leaves the table in the store, to be read or recovered; delete removes it */
                tier?: string;
            };
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description IN_USE */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_stations_name_purge: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        purged?: number;
                    };
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_stations_name_groups: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: components["schemas"]["station_group"][];
                        meta?: components["schemas"]["list_meta"];
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_stations_name_groups_group: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
                /** @description percent-encoded */
                group: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["station_group"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_stations_name_groups_group: {
        parameters: {
            query?: {
                /** @description although somebody uses it, or is a member */
                force?: boolean;
            };
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
                /** @description percent-encoded */
                group: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description IN_USE */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_stations_name_messages: {
        parameters: {
            query?: {
                /** @description earliest (default), latest, last:N, offset:N, time:<RFC 3339 or ms> */
                from?: string;
                /** @description likewise: what is there or behind is not read; default: the end */
                to?: string;
                /** @description a topic filter that they match */
                filter?: string;
                /** @description messages; default: no limit */
                limit?: number;
                /** @description default: ndjson */
                format?: "ndjson" | "csv" | "raw";
                /** @description where there is none: how long one is waited for */
                wait_ms?: number;
                /** @description goes on at the end with what comes; with wait_ms until nothing has come for so long */
                follow?: boolean;
            };
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/x-ndjson": components["schemas"]["station_message"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_stations_name_messages: {
        parameters: {
            query?: {
                /** @description of one message; or the header Varve-Topic */
                topic?: string;
                /** @description the message's id: a second one within the dedup_window is no message; or the header Varve-Id */
                id?: string;
                /** @description with which readers get it */
                qos?: number;
                /** @description its retain flag */
                retain?: boolean;
                /** @description NAME:VALUE, a user property */
                header?: string[];
                /** @description of the payload */
                content_type?: string;
            };
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: {
            content: {
                "application/x-ndjson": string;
                "application/ndjson": string;
                "application/jsonl": string;
                "application/octet-stream": string;
                "*/*": string;
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        offset?: number;
                        duplicate?: boolean;
                        code?: string;
                        message?: string;
                    } | {
                        stored?: number;
                        duplicates?: number;
                        failed?: number;
                        results?: {
                            offset?: number;
                            duplicate?: boolean;
                            code?: string;
                            message?: string;
                        }[];
                    };
                };
            };
            /** @description some lines are not stored */
            207: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_stations_name_groups_group_fetch: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
                /** @description percent-encoded */
                group: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @default 100 */
                    batch?: number;
                    /**
                     * @description for the first message
                     * @default 0
                     */
                    wait_ms?: number;
                    /** @description where the group starts if it is new: earliest, latest (default), last:N, offset:N, time:T */
                    start?: string;
                    /** @description a topic filter, of the group, if it is new */
                    filter?: string;
                };
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: components["schemas"]["station_message"][];
                        meta?: components["schemas"]["list_meta"];
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_stations_name_groups_group_ack: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
                /** @description percent-encoded */
                group: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description they are done */
                    offsets?: number[];
                    /** @description others are to do them */
                    nack?: number[];
                };
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        acked?: number;
                        nacked?: number;
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_stations_name_tier: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["station_tier"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_stations_name_tier_flush: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        job?: string;
                    };
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NO_TIER */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE (too many jobs), SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_stations_name_restore: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description earliest (default), last:N, offset:N, time:T */
                    from?: string;
                    /** @description likewise; default: the end */
                    to?: string;
                    /** @description the name of a station that is made */
                    into?: string;
                    /**
                     * @description only tells what would come
                     * @default false
                     */
                    dry_run?: boolean;
                };
            };
        };
        responses: {
            /** @description the answer */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        job?: string;
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE (too many jobs), SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_stations_name_tier_release: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        released_bytes?: number;
                    };
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_stations_name_tier_scrub: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        job?: string;
                    };
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE (too many jobs), SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_stations_recover: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    connector: string;
                    /** @description default: varve */
                    bucket?: string;
                    /** @description default: stations */
                    prefix?: string;
                    stations?: string[];
                    /** @default false */
                    dry_run?: boolean;
                };
            };
        };
        responses: {
            /** @description the answer */
            202: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        job?: string;
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE (too many jobs), SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_stations_name_tier_files: {
        parameters: {
            query?: {
                /** @description an offset; default: the first */
                from?: number;
                /** @description files that begin there or behind are left out; default: the end */
                to?: number;
                /** @description entries, default: 200; where there are more files, neighbours are told as one entry */
                limit?: number;
            };
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        /** @description the URI of the table */
                        location?: string | null;
                        /** @description its newest metadata.json */
                        metadata?: string | null;
                        data: components["schemas"]["station_tier_file"][];
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NO_TIER */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_stations_name_groups_group_reset: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                name: string;
                /** @description percent-encoded */
                group: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description earliest, latest, last:N, offset:N, time:T */
                    start: string;
                    /**
                     * @description although it has members: they are cut off
                     * @default false
                     */
                    force?: boolean;
                };
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description IN_USE */
            409: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_jobs: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: components["schemas"]["job"][];
                        meta?: components["schemas"]["list_meta"];
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_jobs_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["job"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_connectors: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["connector"][];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_connectors: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["connector_object"];
            };
        };
        responses: {
            /** @description the answer */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["connector"];
                };
            };
            /** @description ALREADY_EXISTS, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_connectors_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["connector"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_connectors_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["connector_object"];
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["connector"];
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_connectors_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_connectors_id_enable_enable: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
                /** @description percent-encoded */
                enable: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_connectors_id_start: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_nodes_node_connectors_id_start: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                node: string;
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_connectors_id_probe: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    /** @description default: that of the connector */
                    bucket?: string;
                    prefix?: string;
                };
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["connector_probe"];
                };
            };
            /** @description TEST_FAILED, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_connectors_probe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["connector_object"];
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description TEST_FAILED, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_actions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["action"][];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_actions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["action_object"];
            };
        };
        responses: {
            /** @description the answer */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["action"];
                };
            };
            /** @description ALREADY_EXISTS, BAD_REQUEST, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_actions_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["action"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_actions_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["action_object"];
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["action"];
                };
            };
            /** @description BAD_REQUEST, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_actions_id: {
        parameters: {
            query?: {
                /** @description takes it out of the rules that use it, before */
                also_delete_dep_actions?: boolean;
                /** @description although rules use it; what is buffered is given up */
                force?: boolean;
            };
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_actions_id_enable_enable: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
                /** @description percent-encoded */
                enable: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_actions_id_start: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_nodes_node_actions_id_start: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                node: string;
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_actions_probe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["action_object"];
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST, TEST_FAILED, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_actions_id_metrics: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["action_metrics"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_actions_id_monitor: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["action_monitor_sample"][];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_actions_id_metrics_reset: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_actions_summary: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["action_summary"][];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_action_types: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string[];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_sources: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    }[];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_sources: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_sources_probe: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description BAD_REQUEST, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_sources_summary: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    }[];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_source_types: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": string[];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_rules: {
        parameters: {
            query?: {
                /** @description from 1 */
                page?: number;
                /** @description entries a page; default 100 */
                limit?: number;
                /** @description only those that are, or are not, enabled */
                enable?: boolean;
                /** @description part of the id */
                like_id?: string;
                /** @description part of the description */
                like_description?: string;
                /** @description a topic of FROM, as written */
                from?: string;
                /** @description part of a topic of FROM */
                like_from?: string;
                /** @description a topic filter that a topic of FROM matches */
                match_from?: string;
                /** @description id of an action; of several, one of them */
                action?: string[];
                /** @description EMQX's sources, of which there are none */
                source?: string[];
                /** @description EMQX's namespaces, of which there are none */
                ns?: string;
                /** @description all rules are */
                only_global?: boolean;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        data?: components["schemas"]["rule"][];
                        meta?: components["schemas"]["list_meta"];
                    };
                };
            };
            /** @description BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_rules: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["rule_object"];
            };
        };
        responses: {
            /** @description the answer */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["rule"];
                };
            };
            /** @description BAD_REQUEST, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_rules_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["rule"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_rules_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["rule_object"];
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["rule"];
                };
            };
            /** @description BAD_REQUEST, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    delete_api_v5_rules_id: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_rules_id_metrics: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["rule_metrics"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_rules_id_metrics_reset: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description done */
            204: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_rules_id_test: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description percent-encoded */
                id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    context?: Record<string, never>;
                    stop_action_after_template_rendering?: boolean;
                };
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    } | {
                        [key: string]: unknown;
                    }[];
                };
            };
            /** @description BAD_REQUEST, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_FOUND */
            404: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_MATCH */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    post_api_v5_rule_test: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": {
                    sql: string;
                    context?: Record<string, never>;
                };
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        [key: string]: unknown;
                    } | {
                        [key: string]: unknown;
                    }[];
                };
            };
            /** @description BAD_REQUEST, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description NOT_MATCH */
            412: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_rule_engine: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["rule_engine"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    put_api_v5_rule_engine: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": Record<string, never>;
            };
        };
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["rule_engine"];
                };
            };
            /** @description BAD_REQUEST, BAD_REQUEST */
            400: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description PAYLOAD_TOO_LARGE */
            413: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNSUPPORTED_MEDIA_TYPE */
            415: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_rule_events: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["rule_event"][];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
    get_api_v5_rule_functions: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description the answer */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["rule_function"][];
                };
            };
            /** @description UNAUTHORIZED */
            401: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description UNAUTHORIZED_ROLE */
            403: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
            /** @description SERVICE_UNAVAILABLE */
            503: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["error"];
                };
            };
        };
    };
}
